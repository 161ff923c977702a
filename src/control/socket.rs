//! The control socket: who may write to it (mode 0660, the daemon's user and group) may ask everything.

use super::{
    request::{Answer, MOST_REQUEST, Refusal, RefusalKind},
    service::Service,
};
use std::{fs::Permissions, io, os::unix::fs::PermissionsExt, path::Path, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    sync::Semaphore,
    time::timeout,
};

/// Callers at once; more wait.
const MOST_CALLERS: usize = 32;
/// A caller who says nothing for so long is let go.
const PATIENCE: Duration = Duration::from_secs(60);

/// Opens the socket. One that a dead daemon left is replaced.
///
/// # Errors
/// Another daemon answers there, or the folder cannot be written.
pub async fn bind(path: &Path) -> io::Result<UnixListener> {
    if UnixStream::connect(path).await.is_ok() {
        let text = format!("another daemon answers at {}", path.display());
        return Err(io::Error::new(io::ErrorKind::AddrInUse, text));
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, Permissions::from_mode(0o660))?;
    Ok(listener)
}

/// Answers whoever connects, for ever; drop it to stop.
pub async fn serve(listener: UnixListener, service: Service) {
    let places = Arc::new(Semaphore::new(MOST_CALLERS));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((caller, _)) => {
                let service = service.clone();
                tokio::spawn(async move {
                    let _ = attend(caller, &service).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the control socket takes nobody at the moment");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn attend(caller: UnixStream, service: &Service) -> io::Result<()> {
    let (from, mut to) = caller.into_split();
    let mut from = BufReader::new(from);
    loop {
        let mut line = Vec::new();
        let limit = MOST_REQUEST as u64 + 1;
        let read = timeout(PATIENCE, (&mut from).take(limit).read_until(b'\n', &mut line)).await;
        if read?? == 0 {
            return Ok(());
        }
        let too_long = line.len() > MOST_REQUEST;
        let answer = if too_long {
            let text = format!("a request has at most {MOST_REQUEST} bytes");
            Answer::Refused(Refusal::new(RefusalKind::Malformed, text))
        } else {
            answer(&line, service).await
        };
        let mut text = serde_json::to_vec(&answer)?;
        text.push(b'\n');
        timeout(PATIENCE, to.write_all(&text)).await??;
        if too_long {
            return Ok(());
        }
    }
}

async fn answer(line: &[u8], service: &Service) -> Answer {
    let done = match serde_json::from_slice(line) {
        Ok(request) => service.answer(request).await,
        Err(error) => Err(Refusal::new(RefusalKind::Malformed, format!("this is no request: {error}"))),
    };
    match done {
        Ok(value) => Answer::Ok(value),
        Err(refusal) => Answer::Refused(refusal),
    }
}
