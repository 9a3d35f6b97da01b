//! `dolmetsch models` on a fake Hub.

mod fake_hub;

/// The binary's own modules.
#[path = "../src/commands"]
#[allow(dead_code, reason = "the binary alone calls `run`")]
mod commands {
    pub(crate) mod calibrate;
    pub(crate) mod download_bars;
    pub(crate) mod models;
    pub(crate) mod pairs;
    pub(crate) mod table;
}

use anyhow::Result;
use clap::Parser;
use commands::models::{Models, ModelsArgs};
use dolmetsch::Error;
use dolmetsch::catalog::Catalog;
use dolmetsch::hub::Hub;
use fake_hub::setup::Setup;
use fake_hub::{COMMIT, WEIGHTS};

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    models: ModelsArgs,
}

/// Runs `models ARGUMENTS`; `answer` is given to a question.
fn models(setup: &Setup, arguments: &str, answer: bool) -> Result<String> {
    let arguments = ["models"].into_iter().chain(arguments.split(' '));
    let cli = Cli::try_parse_from(arguments)?;
    let models = Models {
        catalog: Catalog::embedded()?,
        hub: Hub::new(setup.options())?,
    };
    let mut out = Vec::new();
    models.run(&cli.models, &mut out, |question| {
        assert!(
            question.contains("Helsinki-NLP/opus-mt-de-en (3"),
            "{question}"
        );
        Ok(answer)
    })?;
    Ok(String::from_utf8(out)?)
}

fn error(setup: &Setup, arguments: &str) -> (u8, String) {
    let error = models(setup, arguments, false).expect_err(arguments);
    let code = error.downcast_ref::<Error>().map_or(1, Error::exit_code);
    (code, error.to_string())
}

#[test]
fn a_model_is_listed_fetched_found_verified_and_removed() -> Result<()> {
    let setup = Setup::new();
    let list = models(&setup, "list", false)?;
    let line = list.lines().find(|line| line.starts_with("opus-mt-de-en "));
    let line = line.expect("the default model");
    for cell in ["de→en", " no ", "301 MB", "Apache-2.0", "55.4 BLEU Tatoeba"] {
        assert!(line.contains(cell), "{line}");
    }
    assert!(
        list.contains("de→vi en→vi") && list.contains("built in"),
        "{list}"
    );

    let (code, message) = error(&setup, "path opus-mt-de-en");
    assert_eq!(code, 3);
    assert!(
        message.contains("dolmetsch models fetch opus-mt-de-en"),
        "{message}"
    );

    let fetched = models(&setup, "fetch opus-mt-de-en", false)?;
    let path = models(&setup, "path Helsinki-NLP/opus-mt-de-en", false)?;
    assert_eq!(fetched, format!("opus-mt-de-en {COMMIT} {path}"));
    assert!(path.trim_end().ends_with(COMMIT), "{path}");
    assert!(models(&setup, "list", false)?.contains("kB"));
    assert_eq!(
        models(&setup, "verify", false)?.matches("intact\t").count(),
        7
    );

    let kept = models(&setup, "remove opus-mt-de-en", false)?;
    assert_eq!(kept, "");
    assert!(setup.repo().exists());
    let removed = models(&setup, "remove opus-mt-de-en", true)?;
    assert!(removed.contains("freed"), "{removed}");
    assert!(!setup.repo().exists());
    let again = models(&setup, "remove opus-mt-de-en --yes", false)?;
    assert_eq!(again, "opus-mt-de-en is not on this disk\n");
    Ok(())
}

#[test]
fn a_damaged_model_fails_verification_and_fetch_repairs_it() -> Result<()> {
    let setup = Setup::new();
    models(&setup, "fetch opus-mt-de-en", false)?;
    std::fs::write(setup.blob(WEIGHTS), "poison")?;
    let (code, message) = error(&setup, "verify");
    assert_eq!(code, 1);
    assert!(
        message.contains("dolmetsch models fetch opus-mt-de-en"),
        "{message}"
    );
    models(&setup, "fetch opus-mt-de-en", false)?;
    models(&setup, "verify opus-mt-de-en", false)?;
    setup.assert_healthy_run_completes("repaired");
    Ok(())
}

#[test]
fn names_that_cannot_be_managed_are_refused_before_anything_is_done() {
    let setup = Setup::new();
    for (arguments, code, part) in [
        (
            "fetch opus-mt-de-en opus-mt-de-ne",
            3,
            "did you mean `opus-mt-de-en`?",
        ),
        ("fetch builtin", 2, "inside the program"),
        ("remove builtin --yes", 2, "inside the program"),
        ("fetch /", 2, "a folder"),
        ("path ./nothing", 3, "config.json is missing"),
        ("fetch ../../x/y", 2, "a folder"),
        ("verify a/b/c", 2, "owner/name"),
    ] {
        let (actual, message) = error(&setup, arguments);
        assert_eq!(actual, code, "{arguments}: {message}");
        assert!(message.contains(part), "{arguments}: {message}");
    }
    assert_eq!(setup.server.take_requests().len(), 0);
}
