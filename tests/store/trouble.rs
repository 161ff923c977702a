//! The store on the disk when the disk, or somebody, is in its way. Everything here is done for real: full and read-only
//! disks are small ones mounted in a name space of their own, crashes are kills of a process.
//!
//! A test that needs another process runs this very binary with the name of one of the `as_process_…` tests, which do nothing
//! unless they are told where to work.

use super::{House, NOW, assert_whole, whole};
use perezvon::{
    engine::record::{CallbackId, ChannelId},
    store::{JournalQuery, Known, Sqlite, Store, StoreError, open},
};
use sqlx::{ConnectOptions, Connection, Executor, SqliteConnection, sqlite::SqliteConnectOptions};
use std::{
    env, fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};
use tempfile::TempDir;

/// Tells a process where to work.
const FOLDER: &str = "PEREZVON_TEST_FOLDER";

fn told_folder() -> Option<PathBuf> {
    env::var_os(FOLDER).map(PathBuf::from)
}

/// The command that runs one of the `as_process_…` tests, after what the shell does first.
fn process(name: &str, folder: &Path, shell: &str) -> Command {
    let mut command = Command::new("unshare");
    let this = env::current_exe().unwrap();
    let run = format!("{shell}\nexec {} --exact trouble::as_process_{name} --nocapture", this.display());
    command.args(["--user", "--map-root-user", "--mount", "sh", "-ec", &run]).env(FOLDER, folder);
    command
}

/// Runs it to its end, which must be a good one.
fn run(name: &str, folder: &Path, shell: &str) {
    let output = process(name, folder, shell).output().expect("unshare (util-linux) is needed for this test");
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

fn start(name: &str, folder: &Path) -> Child {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", &format!("trouble::as_process_{name}"), "--nocapture"]).env(FOLDER, folder);
    command.stdout(Stdio::piped()).spawn().unwrap()
}

async fn connect(file: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(file).create_if_missing(true).connect().await.unwrap()
}

fn assert_names(error: &StoreError, file: &Path) {
    let text = error.to_string();
    assert!(text.contains(file.file_name().unwrap().to_str().unwrap()), "which file? {text}");
    assert!(!text.contains('\n'), "{text}");
}

// A disk that is full.

#[test]
fn a_full_disk_is_named_and_forgiven() {
    let folder = tempfile::tempdir().unwrap();
    run("full_disk", folder.path(), &format!("mount -t tmpfs -o size=1m none {}", folder.path().display()));
}

#[tokio::test]
async fn as_process_full_disk() {
    let Some(folder) = told_folder() else { return };
    let (file, ballast) = (folder.join("store.db"), folder.join("ballast"));
    fs::write(&ballast, vec![1; 300_000]).unwrap();
    let store = Sqlite::open(&file, NOW).await.unwrap();
    let (refused, error) = fill(&store).await;
    assert_eq!(error, StoreError::Full { path: file.display().to_string() });
    assert!(refused > 10, "{refused}");
    assert_eq!(assert_whole(&store, 1).await, refused, "what was promised is there, what was refused is not");
    let no_backup = store.backup(&folder.join("copy.db")).await.unwrap_err();
    assert!(no_backup.to_string().contains("is full"), "{no_backup}");
    assert!(fs::read_dir(&folder).unwrap().all(|file| !file.unwrap().file_name().to_str().unwrap().contains("copy")));

    fs::remove_file(&ballast).unwrap();
    store.commit(&whole(refused)).await.expect("with space again it goes on, without a restart");
    store.close().await.unwrap();
    let store = Sqlite::open(&file, NOW).await.unwrap();
    assert_eq!(assert_whole(&store, 1).await, refused + 1);
}

/// Commits until one is refused again and again: which, and why. Once is not enough, since the store opens its file anew
/// after trouble and so gets back the space of its log.
async fn fill(store: &dyn Store) -> (u64, StoreError) {
    let (mut id, mut refusals) = (1, 0);
    loop {
        match store.commit(&whole(id)).await {
            Ok(()) => (id, refusals) = (id + 1, 0),
            Err(error) if refusals == 20 => return (id, error),
            Err(_) => refusals += 1,
        }
        assert!(id < 100_000, "it never became full");
    }
}

#[test]
fn no_store_is_made_where_there_is_no_space() {
    let folder = tempfile::tempdir().unwrap();
    run("no_space", folder.path(), &format!("mount -t tmpfs -o size=20k none {}", folder.path().display()));
}

#[tokio::test]
async fn as_process_no_space() {
    let Some(folder) = told_folder() else { return };
    let file = folder.join("store.db");
    assert_eq!(Sqlite::open(&file, NOW).await.unwrap_err(), StoreError::Full { path: file.display().to_string() });
}

/// A quota or a file-size limit: the system refuses to write, in other words than those of a full disk.
#[test]
fn a_write_that_the_system_refuses_leaves_nothing_half_written() {
    let folder = tempfile::tempdir().unwrap();
    run("refused_write", folder.path(), "ulimit -f 900; trap '' XFSZ");
    let file = folder.path().join("store.db");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let promised: u64 = fs::read_to_string(folder.path().join("promised")).unwrap().parse().unwrap();
        let store = Sqlite::open(&file, NOW).await.unwrap();
        assert_eq!(assert_whole(&store, 1).await, promised + 1);
        store.commit(&whole(promised + 1)).await.unwrap();
    });
}

#[tokio::test]
async fn as_process_refused_write() {
    let Some(folder) = told_folder() else { return };
    let file = folder.join("store.db");
    let store = Sqlite::open(&file, NOW).await.unwrap();
    let (refused, error) = fill(&store).await;
    assert!(matches!(error, StoreError::Io { .. }), "{error:?}");
    assert_names(&error, &file);
    assert!(refused > 10, "{refused}");
    fs::write(folder.join("promised"), (refused - 1).to_string()).unwrap();
    assert_eq!(assert_whole(&store, 1).await, refused);
}

// What cannot be written.

#[test]
fn a_read_only_disk_is_named() {
    let folder = tempfile::tempdir().unwrap();
    make(&folder.path().join("store.db"));
    let path = folder.path().display();
    run("read_only", folder.path(), &format!("mount --bind {path} {path}; mount -o remount,bind,ro {path}"));
}

#[test]
fn a_read_only_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    make(&folder.path().join("store.db"));
    let path = folder.path().join("store.db").display().to_string();
    run("read_only", folder.path(), &format!("mount --bind {path} {path}; mount -o remount,bind,ro {path}"));
}

#[tokio::test]
async fn as_process_read_only() {
    let Some(folder) = told_folder() else { return };
    let file = folder.join("store.db");
    let error = Sqlite::open(&file, NOW).await.unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly { .. }), "{error:?}");
    assert_names(&error, &file);
}

#[tokio::main]
async fn make(file: &Path) {
    Sqlite::open(file, NOW).await.unwrap().close().await.unwrap();
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nowhere/store.db");
    assert!(matches!(Sqlite::open(&file, NOW).await, Err(StoreError::Io { .. })));
    let itself = Sqlite::open(folder.path(), NOW).await.unwrap_err();
    assert!(matches!(itself, StoreError::Io { .. }), "{itself:?}");
    for url in ["", "postgres://db", "/var/lib/store.db"] {
        assert!(matches!(open(url, NOW).await, Err(StoreError::Unknown { .. })), "{url}");
    }
    assert!(open(&format!("sqlite:{}", folder.path().join("store.db").display()), NOW).await.is_ok());
}

// Somebody else has it.

#[tokio::test]
async fn a_second_daemon_is_told_who_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let mut holder = start("holder", folder.path());
    let mut line = String::new();
    let mut says = BufReader::new(holder.stdout.take().unwrap());
    while !line.contains("held") {
        line.clear();
        assert_ne!(says.read_line(&mut line).unwrap(), 0, "it ended");
    }
    std::os::unix::fs::symlink(&file, folder.path().join("other.db")).unwrap();
    for name in ["store.db", "other.db"] {
        match Sqlite::open(&folder.path().join(name), NOW).await {
            Err(StoreError::Locked { who, .. }) => {
                assert!(who.starts_with(&format!("process {} on ", holder.id())), "{who}");
                assert!(who.ends_with(" since 2027-01-15 08:00:00 UTC"), "{who}");
            }
            other => panic!("{name}: {other:?}"),
        }
    }
    holder.kill().unwrap();
    holder.wait().unwrap();
    let store = Sqlite::open(&file, NOW).await.expect("the dead hold nothing");
    assert!(
        matches!(Sqlite::open(&file, NOW).await, Err(StoreError::Locked { .. })),
        "nor do two in one process share it"
    );
    store.close().await.unwrap();
    Sqlite::open(&file, NOW).await.expect("closed is let go");
}

#[tokio::test]
async fn as_process_holder() {
    let Some(folder) = told_folder() else { return };
    let _store = Sqlite::open(&folder.join("store.db"), NOW).await.unwrap();
    println!("held");
    tokio::time::sleep(Duration::from_secs(60)).await;
}

#[tokio::test]
async fn another_program_at_the_file_is_waited_for_and_then_named() {
    let House { store, folder } = House::sqlite().await;
    let mut shell = connect(&folder.path().join("store.db")).await;
    shell.execute("BEGIN IMMEDIATE").await.unwrap();
    let error = store.commit(&whole(1)).await.unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }), "{error:?}");
    assert_names(&error, Path::new("store.db"));
    shell.execute("ROLLBACK").await.unwrap();
    store.commit(&whole(1)).await.unwrap();
}

#[tokio::test]
async fn a_file_that_was_taken_away_is_missed() {
    let House { store, folder } = House::sqlite().await;
    store.commit(&whole(1)).await.unwrap();
    let (file, away) = (folder.path().join("store.db"), folder.path().join("away.db"));
    fs::rename(&file, &away).unwrap();
    let error = store.commit(&whole(2)).await.unwrap_err();
    assert!(error.to_string().contains("removed or replaced"), "{error}");
    fs::copy(&away, &file).unwrap();
    assert_eq!(store.commit(&whole(2)).await, Err(error), "another file by its name is another store");
    fs::rename(&away, &file).unwrap();
    store.commit(&whole(2)).await.unwrap();
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let House { store, .. } = House::sqlite().await;
    store.close().await.unwrap();
    assert_eq!(store.commit(&whole(1)).await, Err(StoreError::Closed));
    assert_eq!(store.load(NOW, None).await, Err(StoreError::Closed));
    assert_eq!(store.close().await, Err(StoreError::Closed));
}

// What is no store, or no whole one.

#[tokio::test]
async fn what_is_no_store_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (text, other) = (folder.path().join("text"), folder.path().join("other.db"));
    fs::write(&text, "To whom it may concern: ".repeat(500)).unwrap();
    let mut connection = connect(&other).await;
    connection.execute("CREATE TABLE calls (id TEXT)").await.unwrap();
    connection.close().await.unwrap();
    for file in [text, other] {
        let before = fs::read(&file).unwrap();
        let error = Sqlite::open(&file, NOW).await.unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
        assert_names(&error, &file);
        assert_eq!(fs::read(&file).unwrap(), before);
    }
}

/// A store of many pages, closed, as bytes.
async fn bytes_of_a_store() -> Vec<u8> {
    let House { store, folder } = House::sqlite().await;
    let rows: Vec<_> = (1..=300).flat_map(whole).collect();
    store.commit(&rows).await.unwrap();
    store.close().await.unwrap();
    fs::read(folder.path().join("store.db")).unwrap()
}

#[tokio::test]
async fn a_damaged_file_is_refused_at_the_start() {
    const PAGE: usize = 4096;
    let good = bytes_of_a_store().await;
    assert!(good.len() > 20 * PAGE);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let garbage = |from: usize| {
        let mut bad = good.clone();
        (0..PAGE).for_each(|i| bad[from + i] = (i * 31 + 7) as u8);
        bad
    };
    let mut bad: Vec<Vec<u8>> = (0..good.len() / PAGE).map(|page| garbage(page * PAGE)).collect();
    bad.extend([good.len() / 2, PAGE, 100, 1].map(|cut| good[..cut].to_vec()));
    for (n, bad) in bad.into_iter().enumerate() {
        fs::write(&file, &bad).unwrap();
        let error = Sqlite::open(&file, NOW).await.expect_err(&format!("damage {n} went unseen"));
        assert!(matches!(error, StoreError::Corrupt { .. }), "damage {n}: {error:?}");
        assert_names(&error, &file);
    }
}

/// Values that SQLite holds for whole and that are none of ours.
#[tokio::test]
async fn a_row_that_means_nothing_is_named() {
    for damage in [
        "UPDATE callbacks SET state = 'asleep'",
        "UPDATE callbacks SET state = 'closed'",
        "UPDATE callbacks SET number = '+7916 1234567'",
        "UPDATE callbacks SET misses = -1",
        "UPDATE callbacks SET last = 'failed'",
        "UPDATE attempts SET operator = CAST(x'ff' AS TEXT)",
        "UPDATE legs SET role = 'robot'",
        "UPDATE calls SET known_by = 'rumour'",
        "DELETE FROM store",
    ] {
        let House { store, folder } = House::sqlite().await;
        store.commit(&whole(1)).await.unwrap();
        connect(&folder.path().join("store.db")).await.execute(damage).await.unwrap();
        let read = async {
            store.load(NOW, None).await?;
            store.callback(CallbackId(1)).await
        };
        let error = read.await.expect_err(damage);
        assert!(matches!(error, StoreError::Corrupt { .. }), "{damage}: {error:?}");
        assert_names(&error, Path::new("store.db"));
    }
}

#[tokio::test]
async fn a_newer_store_is_left_as_it_is() {
    let House { store, folder } = House::sqlite().await;
    store.close().await.unwrap();
    let file = folder.path().join("store.db");
    let mut connection = connect(&file).await;
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (99, 'x', 1, x'00', 0)";
    connection.execute(newer).await.unwrap();
    connection.close().await.unwrap();
    let before = fs::read(&file).unwrap();
    match Sqlite::open(&file, NOW).await {
        Err(error @ StoreError::Newer { schema: 99, .. }) => assert_names(&error, &file),
        other => panic!("{other:?}"),
    }
    assert_eq!(fs::read(&file).unwrap(), before);
}

/// The power goes while the log is being written: wherever it ends, what is read back is whole commits, the first ones.
#[tokio::test]
async fn a_log_cut_anywhere_gives_whole_commits() {
    let House { store, folder } = House::sqlite().await;
    for id in 1..=12 {
        store.commit(&whole(id)).await.unwrap();
    }
    let (file, log) = (folder.path().join("store.db"), folder.path().join("store.db-wal"));
    let (file, log) = (fs::read(file).unwrap(), fs::read(log).unwrap());
    let mut seen = Vec::new();
    for cut in (0..40).map(|part| log.len() * part / 40 + part % 3).chain([log.len()]) {
        let crashed = tempfile::tempdir().unwrap();
        fs::write(crashed.path().join("store.db"), &file).unwrap();
        fs::write(crashed.path().join("store.db-wal"), &log[..cut.min(log.len())]).unwrap();
        let store = Sqlite::open(&crashed.path().join("store.db"), NOW).await.unwrap();
        seen.push(assert_whole(&store, 1).await);
        store.close().await.unwrap();
    }
    assert!(seen.is_sorted(), "{seen:?}");
    assert_eq!((seen[0], seen.last()), (1, Some(&13)));
    assert!(seen.windows(2).filter(|pair| pair[0] != pair[1]).count() > 8, "the cuts fell between commits: {seen:?}");
}

/// kill -9 in the midst of commits: what was promised is there, and what was not is there as a whole or not at all.
#[tokio::test]
async fn a_kill_loses_nothing_that_was_promised() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("store.db");
    let (mut promised, mut found) = (0, 0);
    for round in 0..12 {
        let mut writer = start("writer", folder.path());
        let mut says = BufReader::new(writer.stdout.take().unwrap());
        let mut text = String::new();
        while !text.contains("promised") {
            assert_ne!(says.read_line(&mut text).unwrap(), 0, "it ended: {text}");
        }
        std::thread::sleep(Duration::from_millis(13 * (round % 5)));
        writer.kill().unwrap();
        writer.wait().unwrap();
        says.read_to_string(&mut text).unwrap();
        let whole_lines = text.rsplit_once('\n').map_or("", |(lines, _)| lines).lines();

        let store = Sqlite::open(&file, NOW).await.unwrap();
        for id in whole_lines.filter_map(|line| line.strip_prefix("promised ")?.parse().ok()) {
            assert!(store.callback(CallbackId(id)).await.unwrap().is_some(), "{id} was promised");
            promised += 1;
        }
        let last = store.load(NOW, None).await.unwrap().last_callback;
        for id in found + 1..=last {
            let story = store.callback(CallbackId(id)).await.unwrap();
            let known = store.call_known(&ChannelId::new(&format!("call-{id}"))).await.unwrap();
            assert_eq!(story.is_some(), known == Known::Open, "half of {id}");
            assert!(story.is_none_or(|story| story.attempts.len() == 1), "half of {id}");
        }
        found = last;
        store.close().await.unwrap();
    }
    assert!(promised >= 12, "only {promised} commits were made");
}

#[tokio::test(flavor = "multi_thread")]
async fn as_process_writer() {
    let Some(folder) = told_folder() else { return };
    let store = std::sync::Arc::new(Sqlite::open(&folder.join("store.db"), NOW).await.unwrap());
    let mut next = store.load(NOW, None).await.unwrap().last_callback + 1;
    loop {
        let commits = (next..next + 8).map(|id| {
            let store = store.clone();
            tokio::spawn(async move {
                store.commit(&whole(id)).await.unwrap();
                println!("promised {id}");
            })
        });
        for commit in commits.collect::<Vec<_>>() {
            commit.await.unwrap();
        }
        next += 8;
    }
}

#[tokio::test]
async fn a_store_is_looked_into_beside_the_one_who_has_it() {
    let House { store, folder } = House::sqlite().await;
    let file = folder.path().join("store.db");
    store.commit(&whole(1)).await.unwrap();
    let look = Sqlite::look(&file).await.unwrap();
    let all = JournalQuery::default();
    let seen = look.journal(&all).await.unwrap();
    assert!(!seen.is_empty() && seen == store.journal(&all).await.unwrap());
    store.commit(&whole(2)).await.unwrap();
    assert!(look.journal(&all).await.unwrap().len() > seen.len(), "what comes meanwhile is seen");
    assert_eq!(look.commit(&whole(3)).await, Err(StoreError::Closed));
    look.close().await.unwrap();
    let absent = folder.path().join("absent.db");
    assert!(Sqlite::look(&absent).await.is_err() && !absent.exists());
    let mut shell = connect(&file).await;
    shell.execute("DELETE FROM _sqlx_migrations WHERE version > 1").await.unwrap();
    let older = Sqlite::look(&file).await.unwrap_err().to_string();
    assert!(older.contains("the schema 1, older") && older.contains("start the daemon once"), "{older}");
    shell.execute("PRAGMA application_id = 7").await.unwrap();
    assert!(matches!(Sqlite::look(&file).await, Err(StoreError::Corrupt { .. })));
}
