//! A server on loopback that speaks the Hub's protocol, and misbehaves on
//! demand. Small files come from the Hub itself, weights from a storage under
//! another host name, as on huggingface.co.

#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod setup;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Digest, Sha256};

pub(crate) const REPO: &str = "Helsinki-NLP/opus-mt-de-en";
pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
pub(crate) const WEIGHTS: &str = "pytorch_model.bin";

/// What goes wrong when a file is asked for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fault {
    /// A status, with more headers.
    Status(u16, Vec<(&'static str, String)>),
    /// The announced length, but only that many bytes.
    Cut(usize),
    /// No length, and only that many bytes.
    CutWithoutLength(usize),
    /// All bytes, one of them wrong.
    WrongBytes,
    /// That many bytes, then silence.
    Stall(usize),
    /// No answer at all.
    Silence,
    /// All bytes, slowly.
    Slow(Duration),
    /// One header replaced.
    Header(&'static str, &'static str),
}

/// A request that was received.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    /// Whether it went to the storage.
    pub(crate) storage: bool,
}

#[derive(Default)]
struct State {
    files: BTreeMap<String, Vec<u8>>,
    faults: Vec<(String, usize, Fault)>,
    requests: Vec<Request>,
    storage: String,
}

/// The server; it ends with the process.
pub(crate) struct FakeHub {
    pub(crate) endpoint: String,
    state: Arc<Mutex<State>>,
}

impl FakeHub {
    /// Serves a repository like `opus-mt-de-en`: legacy weights, no
    /// safetensors, and other frameworks' weights that nobody needs.
    pub(crate) fn start() -> Self {
        let noise = |length: u32| (0..length).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8);
        let files = [
            ("config.json", b"{\"model_type\":\"marian\"}".to_vec()),
            ("generation_config.json", b"{\"num_beams\":6}".to_vec()),
            (
                "tokenizer_config.json",
                b"{\"source_lang\":\"de\"}".to_vec(),
            ),
            (
                "vocab.json",
                b"{\"</s>\":0,\"<unk>\":1,\"<pad>\":2}".to_vec(),
            ),
            ("source.spm", noise(3000).collect()),
            ("target.spm", noise(2000).collect()),
            (WEIGHTS, noise(300_000).collect()),
            ("tf_model.h5", noise(5000).collect()),
            ("rust_model.ot", noise(5000).collect()),
            ("README.md", b"# opus-mt".to_vec()),
        ];
        let hub = TcpListener::bind("127.0.0.1:0").expect("a port");
        let storage = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = |listener: &TcpListener| listener.local_addr().expect("bound").port();
        let state = State {
            files: files
                .into_iter()
                .map(|(name, bytes)| (name.to_owned(), bytes))
                .collect(),
            storage: format!("http://localhost:{}", port(&storage)),
            ..State::default()
        };
        let this = Self {
            endpoint: format!("http://127.0.0.1:{}", port(&hub)),
            state: Arc::new(Mutex::new(state)),
        };
        for (listener, is_storage) in [(hub, false), (storage, true)] {
            let state = Arc::clone(&this.state);
            thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    let state = Arc::clone(&state);
                    // A client that hangs up is no concern of the server's.
                    thread::spawn(move || drop(answer(stream, &state, is_storage)));
                }
            });
        }
        this
    }

    /// Lets the next `times` requests for the file's bytes go wrong.
    pub(crate) fn fail(&self, file: &str, times: usize, fault: Fault) {
        self.lock().faults.push((file.to_owned(), times, fault));
    }

    /// Behaves from now on.
    pub(crate) fn heal(&self) {
        self.lock().faults.clear();
    }

    pub(crate) fn put(&self, file: &str, bytes: &[u8]) {
        self.lock().files.insert(file.to_owned(), bytes.to_vec());
    }

    pub(crate) fn delete(&self, file: &str) {
        self.lock().files.remove(file);
    }

    pub(crate) fn bytes(&self, file: &str) -> Vec<u8> {
        self.lock().files[file].clone()
    }

    /// The requests since the last call.
    pub(crate) fn take_requests(&self) -> Vec<Request> {
        std::mem::take(&mut self.lock().requests)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no thread panics with the lock")
    }
}

pub(crate) fn hash(file: &str, bytes: &[u8]) -> String {
    let hex = |digest: &[u8]| -> String {
        let digits = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        digits
            .filter_map(|digit| char::from_digit(digit.into(), 16))
            .collect()
    };
    if is_large(file) {
        hex(&Sha256::digest(bytes))
    } else {
        let blob = [format!("blob {}\0", bytes.len()).as_bytes(), bytes].concat();
        hex(&Sha1::digest(blob))
    }
}

/// Whether the Hub keeps the file in its storage.
fn is_large(file: &str) -> bool {
    let suffix = file.rsplit('.').next();
    matches!(suffix, Some("bin" | "safetensors" | "h5" | "ot"))
}

struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

fn answer(mut stream: TcpStream, state: &Mutex<State>, storage: bool) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().unwrap_or(Ok(String::new()))?;
    let mut words = first.split(' ').map(str::to_owned);
    let (method, path) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let mut headers = BTreeMap::new();
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let request = Request {
        method,
        path,
        headers,
        storage,
    };
    let file = request
        .path
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .to_owned();
    let (fault, reply) = {
        let mut state = state.lock().expect("no thread panics with the lock");
        state.requests.push(request.clone());
        // Faults of a large file happen where its bytes are.
        let here = storage || !is_large(&file);
        let status = |fault: &Fault| matches!(fault, Fault::Status(..) | Fault::Header(..));
        let fault = state
            .faults
            .iter_mut()
            .find(|(name, times, fault)| *name == file && *times > 0 && (here || status(fault)))
            .map(|(_, times, fault)| {
                *times -= 1;
                fault.clone()
            });
        (fault, reply(&state, &request, &file))
    };
    misbehave(&mut stream, &request, reply, fault)
}

fn reply(state: &State, request: &Request, file: &str) -> Answer {
    let mut answer = Answer {
        status: 404,
        headers: vec![("X-Repo-Commit".to_owned(), COMMIT.to_owned())],
        body: Vec::new(),
    };
    let mut header = |name: &str, value: String| answer.headers.push((name.to_owned(), value));
    if let Some(rest) = request.path.strip_prefix(&format!("/api/models/{REPO}/")) {
        header("Content-Type", "application/json".to_owned());
        answer.status = 200;
        answer.body = if rest.starts_with("tree/") {
            tree(state)
        } else {
            revision(state)
        }
        .to_string()
        .into_bytes();
        return answer;
    }
    let known = request.storage
        || ["main", COMMIT]
            .iter()
            .any(|revision| request.path == format!("/{REPO}/resolve/{revision}/{file}"));
    let Some(bytes) = state.files.get(file).filter(|_| known) else {
        header("X-Error-Code", "EntryNotFound".to_owned());
        return answer;
    };
    if is_large(file) && !request.storage {
        header("X-Linked-Etag", format!("\"{}\"", hash(file, bytes)));
        header("X-Linked-Size", bytes.len().to_string());
        header("Location", format!("{}/signed/{file}", state.storage));
        answer.status = 302;
        return answer;
    }
    header("ETag", format!("\"{}\"", hash(file, bytes)));
    header("Accept-Ranges", "bytes".to_owned());
    let range = request.headers.get("range").and_then(|range| {
        range
            .strip_prefix("bytes=")?
            .split('-')
            .next()?
            .parse::<usize>()
            .ok()
    });
    match range {
        Some(start) if start >= bytes.len() => answer.status = 416,
        Some(start) => {
            let total = bytes.len();
            header(
                "Content-Range",
                format!("bytes {start}-{}/{total}", total - 1),
            );
            answer.status = 206;
            answer.body = bytes[start..].to_vec();
        }
        None => {
            answer.status = 200;
            answer.body.clone_from(bytes);
        }
    }
    answer
}

fn revision(state: &State) -> Value {
    let siblings: Vec<Value> = state
        .files
        .keys()
        .map(|name| json!({"rfilename": name}))
        .collect();
    json!({"id": REPO, "sha": COMMIT, "siblings": siblings})
}

fn tree(state: &State) -> Value {
    let entry = |(name, bytes): (&String, &Vec<u8>)| {
        let (oid, size) = (hash(name, bytes), bytes.len());
        if is_large(name) {
            let lfs = json!({"oid": oid, "size": size, "pointerSize": 134});
            json!({"type": "file", "oid": COMMIT, "size": size, "path": name, "lfs": lfs})
        } else {
            json!({"type": "file", "oid": oid, "size": size, "path": name})
        }
    };
    state.files.iter().map(entry).collect()
}

fn misbehave(
    stream: &mut TcpStream,
    request: &Request,
    mut answer: Answer,
    fault: Option<Fault>,
) -> std::io::Result<()> {
    let mut length = Some(answer.body.len());
    let mut stall = false;
    let mut pause = Duration::ZERO;
    match fault {
        None => {}
        Some(Fault::Status(status, headers)) => {
            let named = |(name, value): (&str, String)| (name.to_owned(), value);
            answer = Answer {
                status,
                headers: headers.into_iter().map(named).collect(),
                body: b"<html>no</html>".to_vec(),
            };
            length = Some(answer.body.len());
        }
        Some(Fault::Cut(bytes)) => answer.body.truncate(bytes),
        Some(Fault::CutWithoutLength(bytes)) => {
            answer.body.truncate(bytes);
            length = None;
        }
        Some(Fault::WrongBytes) => {
            if let Some(byte) = answer.body.last_mut() {
                *byte ^= 1;
            }
        }
        Some(Fault::Stall(bytes)) => {
            answer.body.truncate(bytes);
            stall = true;
        }
        Some(Fault::Silence) => {
            thread::sleep(Duration::from_secs(20));
            return Ok(());
        }
        Some(Fault::Slow(time)) => pause = time / 10,
        Some(Fault::Header(name, value)) => {
            answer
                .headers
                .retain(|(other, _)| !other.eq_ignore_ascii_case(name));
            answer.headers.push((name.to_owned(), value.to_owned()));
        }
    }
    let mut head = format!("HTTP/1.1 {} X\r\nConnection: close\r\n", answer.status);
    if let Some(length) = length {
        write!(head, "Content-Length: {length}\r\n").expect("a string");
    }
    for (name, value) in &answer.headers {
        write!(head, "{name}: {value}\r\n").expect("a string");
    }
    stream.write_all((head + "\r\n").as_bytes())?;
    if request.method != "HEAD" {
        let chunk = (answer.body.len() / 10).max(1);
        for part in answer.body.chunks(chunk) {
            stream.write_all(part)?;
            thread::sleep(pause);
        }
    }
    stream.flush()?;
    if stall {
        thread::sleep(Duration::from_secs(20));
    }
    // Lets the client read all of it before the connection is reset.
    stream.shutdown(std::net::Shutdown::Write)?;
    stream.read_to_end(&mut Vec::new())?;
    Ok(())
}
