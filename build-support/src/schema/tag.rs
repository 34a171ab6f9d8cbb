//! Field numbers of `descriptor.proto`: the steps of a path into a file's source information.

/// `FileDescriptorProto.dependency`.
pub(crate) const DEPENDENCY: i32 = 3;
/// The name of a service, a method, a message.
pub(crate) const NAME: i32 = 1;
/// `MethodDescriptorProto.input_type`.
pub(crate) const INPUT: i32 = 2;
/// `MethodDescriptorProto.output_type`.
pub(crate) const OUTPUT: i32 = 3;
/// `MethodDescriptorProto.options`.
pub(crate) const METHOD_OPTIONS: i32 = 4;
/// `ServiceDescriptorProto.options`.
pub(crate) const SERVICE_OPTIONS: i32 = 3;
/// `FileDescriptorProto.message_type`.
pub(crate) const MESSAGE: i32 = 4;
/// `FileDescriptorProto.enum_type`.
pub(crate) const ENUM: i32 = 5;
