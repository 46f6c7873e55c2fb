//! Downloads from a small server on the loopback interface.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use degu_apply::data::fetch::{Client, FetchError, Progress, RemoteFile, sha256};

/// How the server behaves.
#[derive(Clone, Copy)]
struct Behavior {
    /// Whether it knows ranges.
    ranges: bool,
    /// Bytes after which it cuts a connection.
    cut: usize,
    /// Whether it sends an entity tag.
    tag: bool,
    /// Status instead of the file.
    status: Option<u16>,
}

const PLAIN: Behavior = Behavior {
    ranges: true,
    cut: usize::MAX,
    tag: true,
    status: None,
};

fn content() -> Vec<u8> {
    (0..200_000u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect()
}

/// Serves until the process ends; gives the address and the first bytes asked for.
fn serve(behavior: Behavior) -> (&'static str, Arc<Mutex<Vec<usize>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/file.h5", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    thread::spawn(move || {
        for stream in listener.incoming() {
            answer(stream.unwrap(), behavior, &log);
        }
    });
    (Box::leak(url.into_boxed_str()), asked)
}

fn answer(mut stream: TcpStream, behavior: Behavior, log: &Mutex<Vec<usize>>) {
    let mut start = 0;
    let mut if_range = None;
    for line in BufReader::new(stream.try_clone().unwrap()).lines() {
        let line = line.unwrap().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(range) = line.strip_prefix("range: bytes=") {
            start = range.trim_end_matches('-').parse().unwrap();
        }
        if let Some(tag) = line.strip_prefix("if-range: ") {
            if_range = Some(tag.to_owned());
        }
    }
    log.lock().unwrap().push(start);
    if let Some(status) = behavior.status {
        write!(
            stream,
            "HTTP/1.1 {status} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        return;
    }
    let content = content();
    if !behavior.ranges || if_range.is_some_and(|tag| tag != "\"v1\"") {
        start = 0;
    }
    let tag = if behavior.tag { "ETag: \"v1\"\r\n" } else { "" };
    let body = &content[start.min(content.len())..];
    if start > 0 && body.is_empty() {
        write!(
            stream,
            "HTTP/1.1 416 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        return;
    }
    let head = if start > 0 {
        format!(
            "HTTP/1.1 206 Part\r\nContent-Range: bytes {start}-{}/{}\r\n",
            content.len() - 1,
            content.len()
        )
    } else {
        "HTTP/1.1 200 OK\r\n".to_owned()
    };
    write!(
        stream,
        "{head}{tag}Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )
    .unwrap();
    let _ = stream.write_all(&body[..body.len().min(behavior.cut)]);
}

fn remote(url: &'static str, sha256: Option<&'static str>) -> RemoteFile {
    RemoteFile {
        name: "file.h5",
        url,
        bytes: None,
        sha256,
    }
}

fn digest() -> &'static str {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    std::fs::write(&path, content()).unwrap();
    Box::leak(sha256(&path).unwrap().into_boxed_str())
}

fn client() -> Client {
    Client::new(false)
}

#[test]
fn a_file_is_fetched_once_and_checked_ever_after() {
    let (url, asked) = serve(PLAIN);
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().join("new/folder");
    let mut steps: Vec<Progress> = Vec::new();
    let first = client()
        .fetch(&remote(url, None), &into, &mut |p| steps.push(p))
        .unwrap();
    assert!(first.downloaded);
    assert_eq!((first.bytes, first.sha256.as_str()), (200_000, digest()));
    assert_eq!(std::fs::read(&first.path).unwrap(), content());
    assert!(
        steps
            .windows(2)
            .all(|pair| pair[0].received <= pair[1].received)
    );
    assert_eq!(
        steps.last().unwrap(),
        &Progress {
            received: 200_000,
            expected: Some(200_000)
        }
    );
    let again = client()
        .fetch(&remote(url, None), &into, &mut |_| {})
        .unwrap();
    assert!(!again.downloaded);
    assert_eq!(asked.lock().unwrap().len(), 1);
    let names: Vec<_> = std::fs::read_dir(&into)
        .unwrap()
        .map(|f| f.unwrap().file_name())
        .collect();
    assert_eq!(names.len(), 2, "{names:?}");
    std::fs::write(&first.path, b"other").unwrap();
    let error = client()
        .fetch(&remote(url, None), &into, &mut |_| {})
        .unwrap_err();
    assert!(
        matches!(error, FetchError::Checksum { kept: true, .. }),
        "{error}"
    );
    assert!(first.path.exists());
}

#[test]
fn cut_connections_are_resumed() {
    let (url, asked) = serve(Behavior {
        cut: 60_000,
        ..PLAIN
    });
    let folder = tempfile::tempdir().unwrap();
    let fetched = client()
        .fetch(&remote(url, Some(digest())), folder.path(), &mut |_| {})
        .unwrap();
    assert_eq!(std::fs::read(fetched.path).unwrap(), content());
    assert_eq!(*asked.lock().unwrap(), [0, 60_000, 120_000, 180_000]);

    // Two attempts are not enough; the next run goes on.
    let (url, asked) = serve(Behavior {
        cut: 60_000,
        ..PLAIN
    });
    let folder = tempfile::tempdir().unwrap();
    let mut short = client();
    short.attempts = 2;
    let error = short
        .fetch(&remote(url, None), folder.path(), &mut |_| {})
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("after 120000 bytes of 200000 in 2 attempts"),
        "{error}"
    );
    assert!(!folder.path().join("file.h5").exists());
    short
        .fetch(&remote(url, None), folder.path(), &mut |_| {})
        .unwrap();
    assert_eq!(*asked.lock().unwrap(), [0, 60_000, 120_000, 180_000]);
}

#[test]
fn a_part_of_unknown_or_other_origin_is_not_resumed() {
    for (behavior, tag) in [
        (
            Behavior {
                ranges: false,
                ..PLAIN
            },
            Some("\"v1\""),
        ),
        (
            Behavior {
                tag: false,
                ..PLAIN
            },
            None,
        ),
        (PLAIN, Some("\"v0\"")),
    ] {
        let (url, _) = serve(behavior);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file.h5.part"), b"something else").unwrap();
        if let Some(tag) = tag {
            std::fs::write(folder.path().join("file.h5.part.etag"), tag).unwrap();
        }
        let fetched = client()
            .fetch(&remote(url, None), folder.path(), &mut |_| {})
            .unwrap();
        assert_eq!(std::fs::read(fetched.path).unwrap(), content());
    }
    // A part that is longer than the file.
    let (url, _) = serve(PLAIN);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file.h5.part"), vec![0; 200_000]).unwrap();
    std::fs::write(folder.path().join("file.h5.part.etag"), "\"v1\"").unwrap();
    let fetched = client()
        .fetch(&remote(url, None), folder.path(), &mut |_| {})
        .unwrap();
    assert_eq!(std::fs::read(fetched.path).unwrap(), content());
}

#[test]
fn wrong_checksums_missing_files_and_no_network() {
    let (url, _) = serve(PLAIN);
    let folder = tempfile::tempdir().unwrap();
    let wrong = remote(url, Some("00ff"));
    let error = client()
        .fetch(&wrong, folder.path(), &mut |_| {})
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("expected 00ff; the download was deleted"),
        "{error}"
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);

    let (url, _) = serve(Behavior {
        status: Some(404),
        ..PLAIN
    });
    let error = client()
        .fetch(&remote(url, None), folder.path(), &mut |_| {})
        .unwrap_err();
    assert!(error.to_string().contains("status 404"), "{error}");

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/file.h5", listener.local_addr().unwrap());
    drop(listener);
    let gone = remote(Box::leak(url.into_boxed_str()), None);
    let error = client()
        .fetch(&gone, folder.path(), &mut |_| {})
        .unwrap_err();
    assert!(matches!(error, FetchError::Offline { .. }));
    assert!(error.to_string().contains("put it to"), "{error}");
}

#[test]
fn the_registry_is_well_formed() {
    use degu_apply::data::fetch::{find, sources};
    let names: Vec<&str> = sources().iter().map(|source| source.name).collect();
    assert!(names.is_sorted());
    for source in sources() {
        assert!(source.page.starts_with("https://"));
        for file in source.files {
            assert!(
                file.url.starts_with("https://") && file.url.contains(file.name),
                "{}",
                file.url
            );
        }
    }
    let error = find("deepstar").unwrap_err().to_string();
    assert!(error.contains("did you mean `deepstarr`?"), "{error}");
    assert_eq!(find("degu").unwrap().plugin, "lentimpra");
}
