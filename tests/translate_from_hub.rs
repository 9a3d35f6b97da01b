//! `dolmetsch translate` and `dolmetsch models` as users run them, with a model
//! of the Hub that has legacy weights and no safetensors.

mod fake_hub;

use std::path::Path;
use std::process::Output;

use assert_cmd::Command;
use fake_hub::{COMMIT, FakeHub, REPO};

/// A model with weights that torch wrote in its legacy format, for a vocabulary
/// of 48 pieces, and the built-in model's SentencePiece files.
fn model() -> Vec<(String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |folder: &str, file: &str| {
        let bytes = std::fs::read(root.join(folder).join(file)).expect(file);
        (file.to_owned(), bytes)
    };
    let weights = "tests/fixtures/parity/bin-legacy";
    vec![
        read(weights, "config.json"),
        read(weights, "pytorch_model.bin"),
        read("models/builtin", "source.spm"),
        read("models/builtin", "target.spm"),
        ("vocab.json".to_owned(), vocabulary().into_bytes()),
    ]
}

/// `</s>`, `<unk>`, letters, and `<pad>` where the fixture has it.
fn vocabulary() -> String {
    let letters = ('a'..='z').chain('A'..='S').map(String::from);
    let pieces = ["</s>", "<unk>"].map(str::to_owned).into_iter();
    let pieces = pieces.chain(letters).chain(["<pad>".to_owned()]);
    let vocabulary: serde_json::Map<String, serde_json::Value> = pieces
        .enumerate()
        .map(|(id, piece)| (piece, id.into()))
        .collect();
    assert_eq!(vocabulary.len(), 48);
    serde_json::Value::Object(vocabulary).to_string()
}

/// Runs the program with nothing of the tester's own settings.
fn dolmetsch(endpoint: &str, home: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::cargo_bin("dolmetsch").expect("the program");
    for (name, _) in std::env::vars() {
        if name.starts_with("HF_") || name.to_lowercase().ends_with("_proxy") {
            command.env_remove(name);
        }
    }
    command
        .env("HF_ENDPOINT", endpoint)
        .env("HF_HOME", home)
        .env("DOLMETSCH_CONFIG_DIR", home.join("config"))
        .env("DOLMETSCH_CONFIG", "")
        .args(arguments)
        .write_stdin("Das ist ein Haus.\n")
        .output()
        .expect("it runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_default_model_is_fetched_from_the_hub_and_named_in_the_records() {
    let (hub, home) = (
        FakeHub::serving(model()),
        tempfile::tempdir().expect("a folder"),
    );
    let translate = [
        "translate",
        "--to",
        "en",
        "--format",
        "jsonl",
        "--beam",
        "1",
    ];
    let from_hub = dolmetsch(&hub.endpoint, home.path(), &translate);
    assert!(from_hub.status.success(), "{}", text(&from_hub.stderr));
    let record: serde_json::Value = serde_json::from_slice(&from_hub.stdout).expect("a record");
    assert_eq!(record["model"], REPO);
    assert_eq!(record["revision"], COMMIT);

    let folder = tempfile::tempdir().expect("a folder");
    for (file, bytes) in model() {
        std::fs::write(folder.path().join(file), bytes).expect("a file");
    }
    let local = ["--model", folder.path().to_str().expect("a UTF-8 path")];
    let from_folder = dolmetsch(
        &hub.endpoint,
        home.path(),
        &[&translate[..], &local].concat(),
    );
    let expected: serde_json::Value =
        serde_json::from_slice(&from_folder.stdout).expect("a record");
    for field in ["target", "score", "alignment"] {
        assert_eq!(record[field], expected[field], "{field}");
    }

    hub.take_requests();
    let again = dolmetsch(&hub.endpoint, home.path(), &translate);
    assert_eq!(again.stdout, from_hub.stdout);
    assert_eq!(hub.take_requests().len(), 0);
}

#[test]
fn without_hub_and_cache_the_program_ends_with_3_and_says_what_to_do() {
    let home = tempfile::tempdir().expect("a folder");
    for arguments in [
        &["translate", "--to", "en"][..],
        &["translate", "--to", "en", "--offline"],
        &["models", "fetch", "opus-mt-de-en"],
    ] {
        let output = dolmetsch("http://127.0.0.1:9", home.path(), arguments);
        assert_eq!(output.status.code(), Some(3), "{arguments:?}");
        assert_eq!(text(&output.stdout), "", "no other model may step in");
        let error = text(&output.stderr);
        for part in ["--model builtin", "dolmetsch models fetch opus-mt-de-en"] {
            assert!(error.contains(part), "{arguments:?}: {error}");
        }
    }
}

#[test]
fn manifests_of_the_config_folder_are_listed_and_models_are_not_deleted_unasked() {
    let (hub, home) = (
        FakeHub::serving(model()),
        tempfile::tempdir().expect("a folder"),
    );
    let manifests = home.path().join("config/models");
    std::fs::create_dir_all(&manifests).expect("a folder");
    let manifest = include_str!("../models/opus-mt-de-en.toml");
    let mine = manifest.replace("name = \"opus-mt-de-en\"", "name = \"mine\"");
    std::fs::write(manifests.join("mine.toml"), mine).expect("a manifest");
    let models = |arguments: &[&str]| {
        dolmetsch(
            &hub.endpoint,
            home.path(),
            &[&["models"], arguments].concat(),
        )
    };

    assert!(text(&models(&["list"]).stdout).contains("\nmine "));
    assert!(models(&["fetch", "mine"]).status.success());
    let refused = models(&["remove", "mine"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        text(&refused.stderr).contains("--yes"),
        "{}",
        text(&refused.stderr)
    );
    assert!(models(&["verify", "mine"]).status.success());
    assert!(models(&["remove", "mine", "--yes"]).status.success());
    assert_eq!(models(&["path", "mine"]).status.code(), Some(3));
}
