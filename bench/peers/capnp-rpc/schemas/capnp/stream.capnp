@0x86c366a91393f3f8;
# What a method with `-> stream` returns. The compiler wants this file; not every package of it brings it.

struct StreamResult @0x995f9a3377c0b16e {}
