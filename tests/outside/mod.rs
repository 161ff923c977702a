//! Programs of other houses that a test calls.
#![allow(dead_code)] // each test file uses a part of it

use std::{
    env,
    io::Write,
    path::PathBuf,
    process::{Command, Output},
};

/// The program, if this machine has it. If not, the test is left out and says so past the harness's capture; with
/// `PEREZVON_REQUIRE_ALL` set, as in CI, that is a failure.
pub fn program(name: &str) -> Option<Command> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
    match found {
        Some(file) => Some(Command::new(file)),
        None if env::var_os("PEREZVON_REQUIRE_ALL").is_some() => panic!("{name} is not installed, and all is required"),
        None => {
            let _ = writeln!(
                std::io::stderr(),
                "\nLEFT OUT: {name} is not installed, so what it would show is not shown\n"
            );
            None
        }
    }
}

/// The program, if this machine has it; if not, the test is left out and says so. For one that no Debian package has: where it
/// cannot be fetched, that is no fault of what is tested.
pub fn program_or_leave(name: &str) -> Option<Command> {
    let found = Command::new(name).arg("--version").output().is_ok_and(|told| told.status.success());
    if !found {
        let _ =
            writeln!(std::io::stderr(), "\nLEFT OUT: {name} is not installed, so what it would show is not shown\n");
    }
    found.then(|| Command::new(name))
}

/// A file of the repository.
pub fn file(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// What a program said, for a failing test to show.
pub fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
