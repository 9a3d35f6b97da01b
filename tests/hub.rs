//! The Hub as users meet it: healthy, and in every way that it is not.

mod fake_hub;

use std::fs;
use std::time::{Duration, Instant};

use dolmetsch::hub::{Hub, HubErrorKind, Progress};
use fake_hub::setup::{NEEDED, Setup, get, kind, model};
use fake_hub::{COMMIT, Fault, REPO, Request, WEIGHTS};

fn status(status: u16, headers: &[(&'static str, &str)]) -> Fault {
    let owned = headers
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()));
    Fault::Status(status, owned.collect())
}

#[test]
fn a_model_is_fetched_once_with_only_the_files_that_are_needed() {
    let setup = Setup::new();
    setup.assert_healthy_run_completes("first run");
    let requests = setup.server.take_requests();
    let of = |file: &str| {
        requests
            .iter()
            .filter(|request| request.path.ends_with(file))
            .count()
    };
    assert_eq!((of(".h5"), of(".ot"), of("README.md")), (0, 0, 0));
    // The Hub and its storage; a missing file is asked for once.
    assert_eq!(
        (of(WEIGHTS), of("config.json"), of("model.safetensors")),
        (2, 3, 1)
    );

    let mut options = setup.options();
    options.endpoint = "http://127.0.0.1:9".to_owned();
    let files = get(options).expect("all is in the cache");
    assert!(files.weights.ends_with(WEIGHTS));
    assert_eq!(setup.server.take_requests().len(), 0);
}

#[test]
fn safetensors_are_preferred_to_a_pickle() {
    let setup = Setup::new();
    setup.server.put("model.safetensors", b"safe");
    let files = setup.get().expect("a healthy run");
    assert!(files.weights.ends_with("model.safetensors"));
    let requests = setup.server.take_requests();
    assert!(
        !requests
            .iter()
            .any(|request| request.path.contains(WEIGHTS))
    );
}

#[test]
fn a_token_is_sent_to_the_hub_and_to_no_other_host() {
    let setup = Setup::new();
    setup.get().expect("a healthy run");
    let (storage, hub): (Vec<Request>, Vec<Request>) = setup
        .server
        .take_requests()
        .into_iter()
        .partition(|request| request.storage);
    let token = |request: &Request| request.headers.get("authorization").cloned();
    assert!(
        hub.iter()
            .all(|request| token(request).as_deref() == Some("Bearer hf_secret"))
    );
    assert_eq!(storage.len(), 1);
    assert!(storage.iter().all(|request| token(request).is_none()));
}

/// A file, what goes wrong with it, and what the message must say: the cause
/// and the next step.
type Case = (
    &'static str,
    Fault,
    HubErrorKind,
    &'static str,
    &'static str,
);

/// What the Hub may answer.
fn refusals() -> Vec<Case> {
    vec![
        (
            "config.json",
            status(401, &[]),
            HubErrorKind::Unauthorized,
            "answers 401",
            "HF_TOKEN",
        ),
        (
            "config.json",
            status(403, &[]),
            HubErrorKind::Forbidden,
            "answers 403",
            "conditions",
        ),
        (
            WEIGHTS,
            status(403, &[]),
            HubErrorKind::Forbidden,
            "pytorch_model.bin of",
            "HF_TOKEN",
        ),
        (
            "config.json",
            status(404, &[]),
            HubErrorKind::NotFound,
            "no such file",
            "opus-mt",
        ),
        (
            "config.json",
            status(404, &[("X-Error-Code", "RevisionNotFound")]),
            HubErrorKind::NotFound,
            "no such revision",
            "main",
        ),
        (
            "config.json",
            status(404, &[("X-Error-Code", "RepoNotFound")]),
            HubErrorKind::NotFound,
            "no such repository",
            "models list",
        ),
        (
            "config.json",
            status(500, &[]),
            HubErrorKind::Server,
            "answers 500",
            "--model builtin",
        ),
        (
            WEIGHTS,
            status(503, &[]),
            HubErrorKind::Server,
            "answers 503",
            "models fetch",
        ),
        (
            "config.json",
            status(429, &[("Retry-After", "3600")]),
            HubErrorKind::RateLimited {
                retry_after: Some(Duration::from_hours(1)),
            },
            "too many requests",
            "try again in 3600 s",
        ),
        (
            "config.json",
            status(200, &[]),
            HubErrorKind::NotTheHub,
            "no X-Repo-Commit",
            "proxy",
        ),
        (
            "config.json",
            status(302, &[]),
            HubErrorKind::NotTheHub,
            "redirects",
            "proxy",
        ),
        (
            "config.json",
            status(204, &[]),
            HubErrorKind::NotTheHub,
            "answers 204",
            "proxy",
        ),
    ]
}

/// What may come instead of the file.
fn wrong_answers() -> Vec<Case> {
    vec![
        (
            WEIGHTS,
            Fault::Cut(0),
            HubErrorKind::Interrupted,
            "ended the connection",
            "resumes",
        ),
        (
            WEIGHTS,
            Fault::CutWithoutLength(0),
            HubErrorKind::Interrupted,
            "ended the connection",
            "resumes",
        ),
        (
            "vocab.json",
            Fault::CutWithoutLength(5),
            HubErrorKind::Corrupt,
            "hash",
            "mirror",
        ),
        (
            WEIGHTS,
            Fault::WrongBytes,
            HubErrorKind::Corrupt,
            "hash",
            "HF_ENDPOINT",
        ),
        (
            "source.spm",
            Fault::WrongBytes,
            HubErrorKind::Corrupt,
            "source.spm of",
            "mirror",
        ),
        (
            WEIGHTS,
            Fault::Stall(0),
            HubErrorKind::TimedOut,
            "sent nothing",
            "resumes",
        ),
        (
            "config.json",
            Fault::Silence,
            HubErrorKind::TimedOut,
            "did not answer",
            "HTTP_TIMEOUT",
        ),
        (
            "config.json",
            Fault::Header("ETag", "\"../../../../tmp/x\""),
            HubErrorKind::NotTheHub,
            "no ETag",
            "proxy",
        ),
        (
            "config.json",
            Fault::Header("X-Repo-Commit", "../../../../../../../../../../../../tmp"),
            HubErrorKind::NotTheHub,
            "no X-Repo-Commit",
            "proxy",
        ),
    ]
}

#[test]
fn every_failure_names_cause_and_next_step_and_leaves_nothing_wrong_behind() {
    let always = usize::MAX;
    let cases = refusals().into_iter().chain(wrong_answers());
    for (file, fault, expected, cause, next) in cases {
        let setup = Setup::new();
        let context = format!("{fault:?} of {file}");
        setup.server.fail(file, always, fault);
        let error = setup.get().expect_err(&context);
        assert_eq!(kind(&error), expected, "{context}: {error}");
        assert_eq!(error.exit_code(), 3, "{context}");
        let message = error.to_string();
        assert!(
            message.contains(cause) && message.contains(next),
            "{context}: {message}"
        );
        assert!(!message.contains("hf_secret"), "{context}");
        assert!(!setup.blob(file).exists(), "{context}: a wrong blob");
        setup.assert_healthy_run_completes(&context);
    }
}

#[test]
fn failures_that_pass_are_survived_in_one_run() {
    let cases = [
        ("config.json", status(500, &[])),
        ("vocab.json", status(503, &[])),
        (WEIGHTS, status(502, &[])),
        (WEIGHTS, Fault::Cut(1000)),
        (WEIGHTS, Fault::CutWithoutLength(1000)),
        (WEIGHTS, Fault::Stall(1000)),
        (WEIGHTS, Fault::WrongBytes),
        ("source.spm", Fault::Cut(10)),
        ("source.spm", Fault::CutWithoutLength(10)),
        ("source.spm", Fault::WrongBytes),
        ("config.json", Fault::Silence),
    ];
    for (file, fault) in cases {
        let setup = Setup::new();
        let context = format!("{fault:?} of {file}");
        setup.server.fail(file, 1, fault);
        let files = setup
            .get()
            .unwrap_or_else(|error| panic!("{context}: {error}"));
        assert!(files.weights.exists());
        setup.assert_healthy_run_completes(&context);
    }
}

#[test]
fn the_hub_may_ask_to_wait() {
    let setup = Setup::new();
    setup
        .server
        .fail("config.json", 1, status(429, &[("Retry-After", "1")]));
    let start = Instant::now();
    let mut waits = Vec::new();
    let hub = Hub::new(setup.options()).expect("options");
    hub.get(&model(), &mut |progress| {
        if let Progress::Retrying { wait, .. } = progress {
            waits.push(wait);
        }
    })
    .expect("after the wait all is well");
    assert_eq!(waits, [Duration::from_secs(1)]);
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[test]
fn an_interrupted_download_is_resumed() {
    let setup = Setup::new();
    setup.server.fail(WEIGHTS, usize::MAX, Fault::Cut(0));
    setup.get().expect_err("no byte comes");
    let bytes = setup.server.bytes(WEIGHTS);
    fs::write(setup.partial(WEIGHTS), &bytes[..100_000]).expect("a partial file");
    setup.server.take_requests();
    let mut resumed = 0;
    setup.server.heal();
    let hub = Hub::new(setup.options()).expect("options");
    hub.get(&model(), &mut |progress| {
        if let Progress::Started {
            file: WEIGHTS,
            resumed: from,
            ..
        } = progress
        {
            resumed = from;
        }
    })
    .expect("a healthy run");
    assert_eq!(resumed, 100_000);
    let requests = setup.server.take_requests();
    let range = |request: &Request| request.storage.then(|| request.headers["range"].clone());
    assert_eq!(
        requests.iter().filter_map(range).collect::<Vec<_>>(),
        ["bytes=100000-"]
    );
    setup.assert_healthy_run_completes("resumed");
}

#[test]
fn a_partial_file_of_other_bytes_or_too_many_is_started_afresh() {
    for (context, partial) in [
        ("wrong bytes", vec![7; 100_000]),
        ("all of them, wrong", vec![7; 300_000]),
        ("too many", vec![7; 400_000]),
    ] {
        let setup = Setup::new();
        fs::create_dir_all(setup.repo().join("blobs")).expect("a folder");
        fs::write(setup.partial(WEIGHTS), partial).expect("a partial file");
        setup.assert_healthy_run_completes(context);
    }
}

#[test]
fn bytes_that_went_bad_in_the_cache_are_fetched_again() {
    for file in ["config.json", WEIGHTS] {
        let setup = Setup::new();
        setup.get().expect("a healthy run");
        fs::write(setup.blob(file), "poison").expect("a poisoned blob");

        let mut options = setup.options();
        options.offline = true;
        let error = get(options).expect_err("it must not be used");
        assert_eq!(kind(&error), HubErrorKind::Corrupt);
        assert!(error.to_string().contains("models fetch"), "{error}");

        setup.assert_healthy_run_completes(file);
    }
}

#[test]
fn a_poisoned_blob_that_another_program_left_is_replaced() {
    let setup = Setup::new();
    fs::create_dir_all(setup.repo().join("blobs")).expect("a folder");
    fs::write(setup.blob(WEIGHTS), "<html>500</html>").expect("a poisoned blob");
    setup.assert_healthy_run_completes("poisoned before");
}

#[test]
fn off_line_the_cache_is_used_and_nothing_is_asked() {
    let setup = Setup::new();
    let mut options = setup.options();
    options.offline = true;
    let error = get(options.clone()).expect_err("nothing is cached");
    assert_eq!(kind(&error), HubErrorKind::Offline);
    for part in [REPO, "--offline", "--model builtin", "models fetch"] {
        assert!(error.to_string().contains(part), "{error}");
    }
    assert_eq!(setup.server.take_requests().len(), 0);

    setup.get().expect("a healthy run");
    setup.server.take_requests();
    get(options).expect("all is in the cache");
    assert_eq!(setup.server.take_requests().len(), 0);
}

#[test]
fn a_hub_that_cannot_be_reached_is_named_with_the_ways_out() {
    let setup = Setup::new();
    for endpoint in ["http://127.0.0.1:9", "http://no-such-host.invalid"] {
        let mut options = setup.options();
        options.endpoint = endpoint.to_owned();
        let error = get(options).expect_err("nobody is there");
        assert_eq!(kind(&error), HubErrorKind::Unreachable, "{error}");
        for part in [
            "cannot be reached",
            "--model builtin",
            "dolmetsch models fetch",
        ] {
            assert!(error.to_string().contains(part), "{error}");
        }
    }
    setup.assert_healthy_run_completes("after no connection");
}

#[test]
fn an_endpoint_that_is_no_url_is_refused_without_printing_it() {
    let setup = Setup::new();
    for endpoint in [
        "huggingface.co",
        "ftp://a/b",
        "https://",
        "http://user:pass word@x",
    ] {
        let mut options = setup.options();
        options.endpoint = endpoint.to_owned();
        let error = get(options).expect_err(endpoint);
        assert!(error.to_string().contains("HF_ENDPOINT"), "{error}");
        assert!(!error.to_string().contains("pass"), "{error}");
    }
}

#[test]
fn an_incomplete_repository_is_named_as_such() {
    for file in [WEIGHTS, "source.spm"] {
        let setup = Setup::new();
        setup.server.delete(file);
        let error = setup.get().expect_err("a file is missing");
        assert_eq!(kind(&error), HubErrorKind::NotFound);
        assert!(error.to_string().contains(file), "{error}");
        assert!(!setup.repo().join("refs/main").exists());
    }
}

#[test]
fn a_file_that_need_not_exist_is_noted_as_missing_as_python_does() {
    let setup = Setup::new();
    setup.server.delete("generation_config.json");
    let files = setup.get().expect("it is not needed");
    assert_eq!(files.generation_config, None);
    let note = setup
        .repo()
        .join(".no_exist")
        .join(COMMIT)
        .join("generation_config.json");
    assert!(note.exists());
}

#[test]
fn a_second_vocabulary_is_fetched_when_the_tokenizer_has_one() {
    let setup = Setup::new();
    setup
        .server
        .put("tokenizer_config.json", b"{\"separate_vocabs\":true}");
    assert!(setup.get().is_err(), "target_vocab.json is missing");
    setup.server.put("target_vocab.json", b"{}");
    let files = setup.get().expect("a healthy run");
    assert!(files.target_vocab.is_some());
}

#[test]
fn verify_finds_what_a_quick_look_does_not_and_remove_frees_the_disk() {
    let setup = Setup::new();
    let hub = Hub::new(setup.options()).expect("options");
    assert_eq!(hub.verify(&model()).expect("nothing to read"), None);
    let files = setup.get().expect("a healthy run");

    // As a failing disk would: other bytes, same size, same time.
    let blob = setup.blob(WEIGHTS);
    let modified = fs::metadata(&blob)
        .and_then(|data| data.modified())
        .expect("a time");
    let mut bytes = setup.server.bytes(WEIGHTS);
    bytes[7] ^= 1;
    fs::write(&blob, bytes).expect("a damaged blob");
    let file = fs::File::options()
        .write(true)
        .open(&blob)
        .expect("the blob");
    file.set_modified(modified).expect("the time");

    let checks = hub.verify(&model()).expect("readable").expect("cached");
    assert_eq!(checks.len(), NEEDED.len());
    for check in checks {
        assert_eq!(check.intact, Some(check.path != files.weights), "{check:?}");
    }
    assert!(hub.size_on_disk(&model()) > 300_000);
    assert!(hub.remove(&model()).expect("deletable") > 300_000);
    assert!(!setup.repo().exists());
    assert_eq!(hub.remove(&model()).expect("nothing to delete"), 0);
}
