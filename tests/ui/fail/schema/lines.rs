//! Mistakes in the schema itself are told with their lines, all of them, at the name of the file.

mod proto {
    protocall::proto!("schemas/broken.proto");
}

fn main() {}
