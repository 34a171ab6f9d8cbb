@0xdf35ee18af9c0e94;
# What schemas/bench.proto has, and one-way messages and calls from the server.

struct Packet {
  seq @0 :UInt64;
  body @1 :Data;
  burnUs @2 :UInt32;
}

struct Tally {
  count @0 :UInt64;
  sum @1 :UInt64;
  inOrder @2 :Bool;
}

struct Loop {
  inFlight @0 :UInt32;
  size @1 :UInt32;
  warmupMs @2 :UInt64;
  windowMs @3 :UInt64;
}

interface Bench {
  echo @0 (packet :Packet) -> (packet :Packet);
  work @1 (packet :Packet) -> (packet :Packet);
  push @2 (packet :Packet) -> stream;
  # What has come so far; begins anew.
  count @3 () -> (tally :Tally);
  # Calls `back` in a closed loop.
  reverse @4 (back :Bench, loop :Loop) -> (count :UInt64);
}
