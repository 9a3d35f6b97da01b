//! What the Hub's answers mean: where a file is, what its hash is, and what
//! each status asks of the user.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use ureq::http::{HeaderMap, Response, StatusCode, Uri, header};
use ureq::{Body, Error as HttpError};

use super::hash::BlobHash;
use super::{HubError, HubErrorKind};

/// What the Hub says about a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileInfo {
    /// The commit that the revision stands for.
    pub(super) commit: String,
    pub(super) hash: BlobHash,
    /// In bytes; unknown when the answer gives no length.
    pub(super) size: Option<u64>,
}

/// What the answers on the way to a file have said about it.
#[derive(Default)]
pub(super) struct Headers {
    commit: Option<String>,
    etag: Option<String>,
    linked_etag: Option<String>,
    linked_size: Option<u64>,
}

impl Headers {
    pub(super) fn collect(&mut self, headers: &HeaderMap) {
        let text = |name: &str| Some(headers.get(name)?.to_str().ok()?.to_owned());
        self.commit = text("x-repo-commit").or(self.commit.take());
        self.etag = text("etag").or(self.etag.take());
        self.linked_etag = text("x-linked-etag").or(self.linked_etag.take());
        let size = text("x-linked-size").and_then(|size| size.parse().ok());
        self.linked_size = size.or(self.linked_size);
    }

    pub(super) fn file_info(self, size: Option<u64>, uri: &Uri) -> Result<FileInfo, HubError> {
        let not_the_hub = |what: &str| {
            HubError::new(
                HubErrorKind::NotTheHub,
                format!("the answer of {} has {what}", host_of(uri)),
            )
            .next("a proxy or the network's login page may be in between: open the address in a browser")
        };
        let is_commit =
            |text: &String| text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let commit = self
            .commit
            .filter(is_commit)
            .ok_or_else(|| not_the_hub("no X-Repo-Commit header"))?;
        let hash = self
            .linked_etag
            .or(self.etag)
            .and_then(|etag| BlobHash::parse(&etag))
            .ok_or_else(|| not_the_hub("no ETag header with a hash to verify the file with"))?;
        Ok(FileInfo {
            commit,
            hash,
            size: self.linked_size.or(size),
        })
    }
}

/// Start and total of `Content-Range: bytes start-end/total`.
pub(super) fn content_range(response: &Response<Body>) -> Option<(u64, Option<u64>)> {
    let value = response
        .headers()
        .get(header::CONTENT_RANGE)?
        .to_str()
        .ok()?;
    let (range, total) = value.strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    Some((start.parse().ok()?, total.parse().ok()))
}

pub(super) fn total_size(response: &Response<Body>) -> Option<u64> {
    match response.status() {
        StatusCode::PARTIAL_CONTENT => content_range(response)?.1,
        // The length of other bytes than the file's.
        _ if response.headers().contains_key(header::CONTENT_ENCODING) => None,
        _ => response
            .headers()
            .get(header::CONTENT_LENGTH)?
            .to_str()
            .ok()?
            .parse()
            .ok(),
    }
}

pub(super) fn check_status(
    response: Response<Body>,
    uri: &Uri,
) -> Result<Response<Body>, HubError> {
    let status = response.status();
    let host = host_of(uri);
    let error_code = response
        .headers()
        .get("x-error-code")
        .and_then(|value| value.to_str().ok());
    let error = |kind, cause: &str, next: &str| {
        HubError::new(kind, format!("{host} answers {}: {cause}", status.as_u16())).next(next)
    };
    Err(match status.as_u16() {
        200 | 206 => return Ok(response),
        401 => error(
            HubErrorKind::Unauthorized,
            "no such repository, or it is private",
            "check the name; for a private model set HF_TOKEN to a token that may read it",
        ),
        403 => error(
            HubErrorKind::Forbidden,
            "access is refused",
            "accept the model's conditions on its page, and set HF_TOKEN to a token that may read it",
        ),
        404 => match error_code {
            Some("RevisionNotFound") => error(
                HubErrorKind::NotFound,
                "no such revision",
                "check the revision; most repositories have `main`",
            ),
            Some("RepoNotFound") => error(
                HubErrorKind::NotFound,
                "no such repository",
                "check the name; `dolmetsch models list` shows the known models",
            ),
            _ => error(
                HubErrorKind::NotFound,
                "no such file",
                "check that the repository holds a MarianMT model in the layout of opus-mt",
            ),
        },
        416 => error(HubErrorKind::Interrupted, "nothing to resume", "try again"),
        429 => {
            let retry_after = retry_after(response.headers());
            let next = retry_after.map_or_else(
                || "try again in a few minutes".to_owned(),
                |wait| format!("try again in {} s", wait.as_secs()),
            );
            error(
                HubErrorKind::RateLimited { retry_after },
                "too many requests",
                &next,
            )
        }
        408 | 500..=599 => error(HubErrorKind::Server, "the server failed", "try again later"),
        _ => error(
            HubErrorKind::NotTheHub,
            "not an answer of the Hub",
            "a proxy or the network's login page may be in between: open the address in a browser",
        ),
    })
}

/// Seconds to wait. The Hub does not send the header's other form, a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    Some(Duration::from_secs(seconds.trim().parse().ok()?))
}

pub(super) fn redirect_target(response: &Response<Body>, from: &Uri) -> Result<Uri, HubError> {
    let location = response
        .headers()
        .get(header::LOCATION)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let scheme = from.scheme_str().unwrap_or("https");
    let absolute = if location.starts_with("//") {
        format!("{scheme}:{location}")
    } else if location.starts_with('/') {
        let authority = from.authority().map_or("", |authority| authority.as_str());
        format!("{scheme}://{authority}{location}")
    } else {
        location.to_owned()
    };
    let target: Option<Uri> = absolute.parse().ok();
    let acceptable = |uri: &Uri| {
        uri.host().is_some()
            && match uri.scheme_str() {
                Some("https") => true,
                // Never from an encrypted connection to an open one.
                Some("http") => scheme == "http",
                _ => false,
            }
    };
    target.filter(acceptable).ok_or_else(|| {
        HubError::new(
            HubErrorKind::NotTheHub,
            format!(
                "{} redirects to an address that cannot be followed",
                host_of(from)
            ),
        )
        .next(
            "a proxy or the network's login page may be in between: open the address in a browser",
        )
    })
}

/// Only the host: the rest of a storage address is a key to the file, and the
/// endpoint's may hold a password.
pub(super) fn host_of(uri: &Uri) -> String {
    uri.host().unwrap_or("the Hub").to_owned()
}

pub(super) fn network_error(error: HttpError, uri: &Uri, timeout: Duration) -> HubError {
    let host = host_of(uri);
    let timed_out = match &error {
        HttpError::Timeout(_) => true,
        HttpError::Io(error) => error.kind() == io::ErrorKind::TimedOut,
        _ => false,
    };
    // rustls' own complaints come as either.
    let untrusted = match &error {
        HttpError::Rustls(_) => true,
        HttpError::Io(error) => error.kind() == io::ErrorKind::InvalidData,
        _ => false,
    };
    let (kind, cause, next) = if timed_out {
        (
            HubErrorKind::TimedOut,
            format!("{host} did not answer within {} s", timeout.as_secs_f32()),
            "try again, or give it longer with DOLMETSCH_HTTP_TIMEOUT",
        )
    } else if untrusted {
        (
            HubErrorKind::Unreachable,
            format!("no encrypted connection to {host}"),
            "if a proxy of your network signs for it, name its certificate with SSL_CERT_FILE",
        )
    } else {
        (
            HubErrorKind::Unreachable,
            format!("{host} cannot be reached"),
            "check the network, and HTTPS_PROXY if there is a proxy",
        )
    };
    HubError::new(kind, cause).next(next).caused_by(error)
}

/// The failure to read on in a body.
pub(super) fn body_error(error: io::Error, host: &str, timeout: Duration) -> HubError {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    let timed_out = error.kind() == io::ErrorKind::TimedOut
        || matches!(inner, Some(HttpError::Timeout(_)))
        || error
            .source()
            .is_some_and(|source| matches!(source.downcast_ref(), Some(HttpError::Timeout(_))));
    let new = if timed_out {
        HubError::new(
            HubErrorKind::TimedOut,
            format!("{host} sent nothing for {} s", timeout.as_secs_f32()),
        )
        .next(
            "try again: it resumes where it stopped; or give it longer with DOLMETSCH_HTTP_TIMEOUT",
        )
    } else {
        HubError::new(
            HubErrorKind::Interrupted,
            format!("{host} ended the connection before the file's end"),
        )
        .next("try again: it resumes where it stopped")
    };
    new.caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri {
        text.parse().expect(text)
    }

    #[test]
    fn redirects_are_resolved_and_never_leave_encryption() {
        let location = |from: &str, to: &str| {
            let response = Response::builder()
                .status(302)
                .header("location", to)
                .body(Body::builder().data(""))
                .expect("a response");
            redirect_target(&response, &uri(from))
                .ok()
                .map(|uri| uri.to_string())
        };
        for (from, to, expected) in [
            ("https://a/x", "https://b/y?z=1", Some("https://b/y?z=1")),
            ("https://a:1/x", "/y", Some("https://a:1/y")),
            ("https://a/x", "//b/y", Some("https://b/y")),
            ("https://a/x", "http://b/y", None),
            ("http://a/x", "http://b/y", Some("http://b/y")),
            ("https://a/x", "file:///etc/passwd", None),
            ("https://a/x", "", None),
            ("https://a/x", "y", None),
        ] {
            assert_eq!(location(from, to).as_deref(), expected, "{from} to {to}");
        }
    }
}
