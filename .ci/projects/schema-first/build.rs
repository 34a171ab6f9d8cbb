fn main() -> Result<(), protocall_build::Error> {
    protocall_build::compile(&["schemas/echo/v1/echo.proto"], &["schemas"])
}
