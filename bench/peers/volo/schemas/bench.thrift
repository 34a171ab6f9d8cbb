// What schemas/bench.proto has.
namespace rs bench

struct Packet {
  1: required i64 seq,
  2: required binary body,
  3: required i32 burn_us,
}

service Bench {
  Packet echo(1: Packet packet),
  Packet full(1: Packet packet),
  Packet work(1: Packet packet),
}
