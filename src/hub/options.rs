//! Where the Hub is, who asks, and how patiently.

use std::env;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::{HubError, HubErrorKind};

/// The settings of a [`Hub`](super::Hub); [`HubOptions::from_env`] reads the
/// variables that Python's `huggingface_hub` reads.
#[derive(Debug, Clone)]
pub struct HubOptions {
    /// `HF_ENDPOINT`; default `https://huggingface.co`.
    pub endpoint: String,
    /// `HF_HUB_CACHE`, else `HF_HOME/hub`, else `~/.cache/huggingface/hub`.
    pub cache: PathBuf,
    /// `HF_TOKEN`, else the file `HF_TOKEN_PATH`, else the file `HF_HOME/token`.
    /// Sent to the endpoint only.
    pub token: Option<Token>,
    /// `HF_HUB_OFFLINE`: use the cache, send no request.
    pub offline: bool,
    /// `DOLMETSCH_HTTP_TIMEOUT`, in seconds: how long to wait for a connection,
    /// an answer, or the next bytes of a body; default 30.
    pub timeout: Duration,
    /// How often to try again, without having received anything new, after an
    /// error that may pass; default 3.
    pub retries: u32,
    /// Wait before the first of these, doubled for each; default 0.5 s.
    pub backoff: Duration,
    /// The longest wait that the Hub may ask for; default 60 s.
    pub longest_wait: Duration,
}

/// A secret: it is never printed.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// A token as the Hub issues it.
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into())
    }

    pub(super) fn secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl HubOptions {
    /// Default options with the given cache folder and nothing from the
    /// environment.
    #[must_use]
    pub fn new(cache: PathBuf) -> Self {
        Self {
            endpoint: "https://huggingface.co".to_owned(),
            cache,
            token: None,
            offline: false,
            timeout: Duration::from_secs(30),
            retries: 3,
            backoff: Duration::from_millis(500),
            longest_wait: Duration::from_mins(1),
        }
    }

    /// The options that the environment asks for.
    ///
    /// # Errors
    ///
    /// When there is no home folder to put the cache in, or
    /// `DOLMETSCH_HTTP_TIMEOUT` is not a number of seconds.
    pub fn from_env() -> crate::Result<Self> {
        let home = hf_home();
        let cache = path_var("HF_HUB_CACHE")
            .or_else(|| path_var("HUGGINGFACE_HUB_CACHE"))
            .or_else(|| home.as_ref().map(|home| home.join("hub")))
            .ok_or_else(no_home)?;
        let mut options = Self::new(cache);
        if let Some(endpoint) = var("HF_ENDPOINT") {
            endpoint
                .trim_end_matches('/')
                .clone_into(&mut options.endpoint);
        }
        options.token = token(home.as_ref());
        options.offline = is_set("HF_HUB_OFFLINE") || is_set("TRANSFORMERS_OFFLINE");
        if let Some(seconds) = var("DOLMETSCH_HTTP_TIMEOUT") {
            options.timeout = parse_seconds(&seconds)?;
        }
        Ok(options)
    }
}

fn var(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.trim().is_empty())
}

fn path_var(name: &str) -> Option<PathBuf> {
    let value = env::var_os(name).filter(|value| !value.is_empty())?;
    let path = PathBuf::from(value);
    // Python expands the tilde in these variables, so the two would part here.
    match path.strip_prefix("~") {
        Ok(rest) => Some(dirs::home_dir()?.join(rest)),
        Err(_) => Some(path),
    }
}

fn hf_home() -> Option<PathBuf> {
    path_var("HF_HOME")
        .or_else(|| Some(path_var("XDG_CACHE_HOME")?.join("huggingface")))
        .or_else(|| Some(dirs::home_dir()?.join(".cache").join("huggingface")))
}

/// As `huggingface_hub` reads a switch.
fn is_set(name: &str) -> bool {
    let value = env::var(name).unwrap_or_default();
    ["1", "on", "yes", "true"].contains(&value.to_lowercase().as_str())
}

fn token(home: Option<&PathBuf>) -> Option<Token> {
    if is_set("HF_HUB_DISABLE_IMPLICIT_TOKEN") {
        return None;
    }
    let from_file = || {
        let path = path_var("HF_TOKEN_PATH").or_else(|| Some(home?.join("token")))?;
        std::fs::read_to_string(path).ok()
    };
    let token = var("HF_TOKEN").or_else(from_file)?;
    let token = token.trim();
    (!token.is_empty()).then(|| Token::new(token))
}

fn parse_seconds(text: &str) -> Result<Duration, HubError> {
    let seconds = text.trim().parse::<f64>().ok();
    seconds
        .filter(|seconds| *seconds > 0.0)
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| {
            HubError::new(
                HubErrorKind::InvalidName,
                format!("DOLMETSCH_HTTP_TIMEOUT is `{text}`, not a number of seconds"),
            )
        })
}

fn no_home() -> HubError {
    HubError::new(
        HubErrorKind::Cache,
        "there is no home folder for the model cache",
    )
    .next("set HF_HUB_CACHE to a folder")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_not_printed_with_the_options() {
        let mut options = HubOptions::new(PathBuf::new());
        options.token = Some(Token::new("hf_secret"));
        assert!(!format!("{options:?}").contains("hf_secret"));
    }

    #[test]
    fn a_time_out_is_a_positive_number_of_seconds() {
        assert_eq!(
            parse_seconds(" 0.5 ").ok(),
            Some(Duration::from_millis(500))
        );
        for text in ["0", "-1", "x", "inf", "NaN", "1e300"] {
            assert!(parse_seconds(text).is_err(), "{text}");
        }
    }
}
