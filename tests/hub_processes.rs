//! The Hub with what needs another process: environment variables, a kill, two
//! at once, a full disk, and Python on the same cache.

#![allow(clippy::print_stderr, reason = "a test that cannot run here says so")]

mod fake_hub;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use dolmetsch::hub::HubErrorKind;
use fake_hub::setup::{NEEDED, Setup, get, kind};
use fake_hub::{FakeHub, Fault, REPO, WEIGHTS};

/// A process that gets the model with these variables and no others that
/// matter.
fn child(variables: &[(&str, &str)]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dolmetsch"));
    command
        .args(["models", "fetch", REPO])
        .env("DOLMETSCH_CONFIG", "")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for (name, _) in std::env::vars() {
        if name.starts_with("HF_") || name.to_lowercase().ends_with("_proxy") {
            command.env_remove(name);
        }
    }
    command
        .envs(variables.iter().copied())
        .spawn()
        .expect("a process")
}

fn finish(child: Child) -> (bool, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = child.wait_with_output().expect("its output");
    let output = [stdout, stderr].concat();
    (
        status.success(),
        String::from_utf8_lossy(&output).into_owned(),
    )
}

fn wait_until(condition: impl Fn() -> bool) {
    while !condition() {
        thread::sleep(Duration::from_millis(10));
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a UTF-8 path")
}

#[test]
fn a_process_killed_in_the_middle_leaves_what_the_next_resumes() {
    let setup = Setup::new();
    setup.server.fail(WEIGHTS, 1, Fault::Stall(150_000));
    let cache = text(setup.cache.path());
    let mut child = child(&[
        ("HF_ENDPOINT", &setup.server.endpoint),
        ("HF_HUB_CACHE", cache),
    ]);
    let partial = setup.partial(WEIGHTS);
    let size = || fs::metadata(&partial).map_or(0, |file| file.len());
    wait_until(|| size() == 150_000);
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    setup.server.take_requests();

    setup.assert_healthy_run_completes("killed");
    let requests = setup.server.take_requests();
    let resumed = requests.iter().any(|request| {
        request
            .headers
            .get("range")
            .is_some_and(|range| range == "bytes=150000-")
    });
    assert!(resumed, "{requests:?}");
}

#[test]
fn two_processes_at_once_fetch_the_bytes_once() {
    let setup = Setup::new();
    setup
        .server
        .fail(WEIGHTS, usize::MAX, Fault::Slow(Duration::from_secs(2)));
    let cache = text(setup.cache.path());
    let start = || {
        child(&[
            ("HF_ENDPOINT", &setup.server.endpoint),
            ("HF_HUB_CACHE", cache),
        ])
    };
    for child in [start(), start()] {
        let (success, output) = finish(child);
        assert!(success, "{output}");
    }
    let requests = setup.server.take_requests();
    assert_eq!(requests.iter().filter(|request| request.storage).count(), 1);
    setup.assert_healthy_run_completes("two processes");
}

#[test]
fn a_lock_held_longer_than_ten_seconds_is_waited_for() {
    let setup = Setup::new();
    let hash = fake_hub::hash(WEIGHTS, &setup.server.bytes(WEIGHTS));
    let locks = setup
        .cache
        .path()
        .join(".locks/models--Helsinki-NLP--opus-mt-de-en");
    fs::create_dir_all(&locks).expect("a folder");
    let lock = fs::File::create(locks.join(format!("{hash}.lock"))).expect("a file");
    lock.lock().expect("the lock");
    let waiting = thread::spawn({
        let options = setup.options();
        move || get(options)
    });
    thread::sleep(Duration::from_millis(10_500));
    assert!(!waiting.is_finished());
    drop(lock);
    waiting.join().expect("no panic").expect("its turn came");
    setup.assert_healthy_run_completes("waited");
}

#[test]
fn variables_of_the_environment_are_honoured() {
    let setup = Setup::new();
    let home = setup.cache.path().join("home");
    fs::create_dir_all(&home).expect("a folder");
    fs::write(home.join("token"), "hf_from_the_file\n").expect("a token");
    let endpoint = setup.server.endpoint.as_str();
    let home_path = text(&home).to_owned();

    let offline = [
        ("HF_ENDPOINT", endpoint),
        ("HF_HOME", &home_path),
        ("HF_HUB_OFFLINE", "1"),
    ];
    let (success, output) = finish(child(&offline));
    assert!(!success && output.contains("--offline"), "{output}");
    assert_eq!(setup.server.take_requests().len(), 0);

    // A proxy that is not there: loopback must not go through it.
    let on_line = [
        ("HF_ENDPOINT", endpoint),
        ("HF_HOME", &home_path),
        ("HTTP_PROXY", "http://127.0.0.1:9"),
        ("ALL_PROXY", "http://127.0.0.1:9"),
    ];
    let (success, output) = finish(child(&on_line));
    assert!(success, "{output}");
    assert!(
        home.join("hub/models--Helsinki-NLP--opus-mt-de-en/refs/main")
            .exists()
    );
    let token = setup.server.take_requests()[0].headers["authorization"].clone();
    assert_eq!(token, "Bearer hf_from_the_file");

    let (success, output) = finish(child(&[("DOLMETSCH_HTTP_TIMEOUT", "soon")]));
    assert!(
        !success && output.contains("DOLMETSCH_HTTP_TIMEOUT"),
        "{output}"
    );
}

#[test]
fn a_proxy_is_used_for_other_hosts_and_the_token_stays_out_of_its_error() {
    let setup = Setup::new();
    let proxy = FakeHub::start();
    let cache = text(setup.cache.path());
    let (success, output) = finish(child(&[
        ("HF_ENDPOINT", "http://hub.example"),
        ("HF_HUB_CACHE", cache),
        ("HTTP_PROXY", &proxy.endpoint),
        ("HF_TOKEN", "hf_secret"),
    ]));
    assert!(!success && !output.contains("hf_secret"), "{output}");
    assert!(!proxy.take_requests().is_empty(), "{output}");
}

/// A small file system, for as long as this lives.
struct SmallDisk<'a>(&'a Path);

impl SmallDisk<'_> {
    fn mount(&self, options: &str) -> bool {
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(self.0)
            .output();
        mount.is_ok_and(|output| output.status.success())
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        // It may not have been mounted.
        let _ = Command::new("umount").arg(self.0).output();
    }
}

#[test]
fn a_full_disk_is_named_and_nothing_half_is_left_on_it() {
    let setup = Setup::new();
    let disk = SmallDisk(setup.cache.path());
    if !disk.mount("size=200k") {
        eprintln!("skipped: mounting a small disk needs root");
        return;
    }
    let error = setup.get().expect_err("300 kB do not fit");
    assert_eq!(kind(&error), HubErrorKind::DiskFull, "{error}");
    for part in ["is full", "HF_HUB_CACHE", WEIGHTS] {
        assert!(error.to_string().contains(part), "{error}");
    }
    assert!(!setup.partial(WEIGHTS).exists() && !setup.blob(WEIGHTS).exists());

    assert!(disk.mount("remount,size=2m"));
    setup.assert_healthy_run_completes("after room was made");
}

/// A Python that has `huggingface_hub`.
fn python() -> Option<PathBuf> {
    let from_env = std::env::var_os("DOLMETSCH_PYTHON").map(PathBuf::from);
    let candidates = from_env.into_iter().chain([PathBuf::from("python3")]);
    candidates.into_iter().find(|python| {
        let import = Command::new(python)
            .args(["-c", "import huggingface_hub"])
            .output();
        import.is_ok_and(|output| output.status.success())
    })
}

fn run_python(setup: &Setup, action: &str) -> Option<()> {
    let Some(python) = python() else {
        eprintln!("skipped: no Python with huggingface_hub (name one with DOLMETSCH_PYTHON)");
        return None;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/check_hub_cache.py");
    let output = Command::new(python)
        .arg(script)
        .args([action, REPO])
        .arg(setup.cache.path())
        .args(if action == "write" { &[][..] } else { &NEEDED })
        .env("HF_ENDPOINT", &setup.server.endpoint)
        .env("HF_HUB_DISABLE_TELEMETRY", "1")
        .output()
        .expect("Python runs");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    Some(())
}

#[test]
fn python_reads_the_cache_that_we_wrote() {
    let setup = Setup::new();
    setup.get().expect("a healthy run");
    setup.server.take_requests();
    if run_python(&setup, "read").is_none() {
        return;
    }
    assert_eq!(setup.server.take_requests().len(), 0);
    run_python(&setup, "reuse");
    let requests = setup.server.take_requests();
    assert!(
        requests.iter().all(|request| request.method == "HEAD"),
        "{requests:?}"
    );
}

#[test]
fn we_read_the_cache_that_python_wrote_without_a_request() {
    let setup = Setup::new();
    if run_python(&setup, "write").is_none() {
        return;
    }
    setup.server.take_requests();
    setup.get().expect("all is in the cache");
    assert_eq!(setup.server.take_requests().len(), 0);
    setup.assert_healthy_run_completes("written by Python");
}
