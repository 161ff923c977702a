//! The `perezvon` program.

fn main() -> std::process::ExitCode {
    perezvon::cli::main()
}
