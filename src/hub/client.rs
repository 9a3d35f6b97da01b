//! One request at a time, hardened: hf-hub names the addresses and sends the
//! requests; time-outs, status, redirects and who sees the token are settled
//! here.
//!
//! hf-hub 0.5's own `download` checks no hash, has no time-outs, waits five
//! seconds for another process, and sends the token to the host that large
//! files are redirected to. `ApiRepo::info_request` hands out a request with
//! its agent and headers, which can be aimed at a file and configured; this
//! module does so for every request.

use std::error::Error as StdError;
use std::io::{self, Read};
use std::time::Duration;

use hf_hub::api::sync::{Api, ApiBuilder};
use hf_hub::{Cache, Repo, RepoType};
use ureq::http::{HeaderMap, Response, StatusCode, Uri, header};
use ureq::{Body, Error as HttpError};

use super::hash::BlobHash;
use super::{HubError, HubErrorKind, HubOptions, RepoId};

const MOST_REDIRECTS: usize = 8;

/// Sends requests to one Hub.
pub(super) struct Client {
    /// Knows the token; for requests to the endpoint.
    trusted: Api,
    /// Knows none; for wherever the endpoint sends us.
    anonymous: Api,
    endpoint: Uri,
    timeout: Duration,
}

/// What the Hub says about a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileInfo {
    /// The commit that the revision stands for.
    pub(super) commit: String,
    pub(super) hash: BlobHash,
    /// In bytes; unknown when the answer gives no length.
    pub(super) size: Option<u64>,
}

/// A file found on the Hub, of which nothing has been read yet.
pub(super) struct Found {
    pub(super) info: FileInfo,
    at: Location,
}

enum Location {
    /// This answer's body.
    Here(Response<Body>),
    /// On the storage that the Hub names.
    Elsewhere(Uri),
}

/// The bytes of a file from `start` on.
pub(super) struct Content {
    /// Offset of the first byte; 0 when the server ignored the wish to resume.
    pub(super) start: u64,
    pub(super) body: Box<dyn Read>,
}

impl Client {
    pub(super) fn new(options: &HubOptions) -> Result<Self, HubError> {
        let endpoint: Uri = options
            .endpoint
            .parse()
            .ok()
            .filter(|uri: &Uri| {
                matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()
            })
            .ok_or_else(|| {
                HubError::new(
                    HubErrorKind::InvalidName,
                    "the Hub's address (HF_ENDPOINT) is not a URL",
                )
                .next("it looks like https://huggingface.co")
            })?;
        let api = |token: Option<String>| {
            ApiBuilder::from_cache(Cache::new(options.cache.clone()))
                .with_endpoint(options.endpoint.trim_end_matches('/').to_owned())
                .with_token(token)
                .with_progress(false)
                .with_user_agent("dolmetsch", env!("CARGO_PKG_VERSION"))
                .build()
                .map_err(|error| {
                    HubError::new(HubErrorKind::Unreachable, "could not start the HTTP client")
                        .caused_by(error)
                })
        };
        let token = options
            .token
            .as_ref()
            .map(|token| token.secret().to_owned());
        Ok(Self {
            trusted: api(token)?,
            anonymous: api(None)?,
            endpoint,
            timeout: options.timeout,
        })
    }

    /// The Hub's host, for messages.
    pub(super) fn host(&self) -> String {
        host_of(&self.endpoint)
    }

    /// Asks for a file from `offset` on.
    ///
    /// # Errors
    ///
    /// Every status other than success, answers that are not the Hub's, and
    /// failures of the network.
    pub(super) fn find(
        &self,
        repo: &RepoId,
        revision: &str,
        file: &str,
        offset: u64,
    ) -> Result<Found, HubError> {
        let repo = Repo::with_revision(repo.to_string(), RepoType::Model, revision.to_owned());
        let mut uri = parse_uri(&self.trusted.repo(repo).url(file))?;
        let mut seen = Headers::default();
        for _ in 0..MOST_REDIRECTS {
            let response = self.request(&uri, offset)?;
            seen.collect(response.headers());
            if !response.status().is_redirection() {
                let response = check_status(response, &uri)?;
                let total = total_size(&response);
                return Ok(Found {
                    info: seen.file_info(total, &uri)?,
                    at: Location::Here(response),
                });
            }
            let next = redirect_target(&response, &uri)?;
            if !same_origin(&next, &self.endpoint) {
                return Ok(Found {
                    info: seen.file_info(None, &uri)?,
                    at: Location::Elsewhere(next),
                });
            }
            uri = next;
        }
        Err(too_many_redirects(&uri))
    }

    /// Begins to read a file that was asked for from `offset` on.
    pub(super) fn open(&self, found: Found, offset: u64) -> Result<Content, HubError> {
        let mut uri = match found.at {
            Location::Here(response) => return Ok(content(response, offset)),
            Location::Elsewhere(uri) => uri,
        };
        for _ in 0..MOST_REDIRECTS {
            let response = self.request(&uri, offset)?;
            if !response.status().is_redirection() {
                return Ok(content(check_status(response, &uri)?, offset));
            }
            uri = redirect_target(&response, &uri)?;
        }
        Err(too_many_redirects(&uri))
    }

    fn request(&self, uri: &Uri, offset: u64) -> Result<Response<Body>, HubError> {
        let api = if same_origin(uri, &self.endpoint) {
            &self.trusted
        } else {
            &self.anonymous
        };
        // The repository of this request is overwritten by `uri`.
        let mut request = api.model(String::new()).info_request().uri(uri.clone());
        if offset > 0 {
            request = request.header(header::RANGE, format!("bytes={offset}-"));
        }
        let mut config = request
            .config()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            // A compressed body would have another length than the file.
            .accept_encoding("identity")
            .timeout_resolve(Some(self.timeout))
            .timeout_connect(Some(self.timeout))
            .timeout_recv_response(Some(self.timeout))
            .timeout_per_read(Some(self.timeout))
            .timeout_per_write(Some(self.timeout));
        if is_loopback(uri) {
            config = config.proxy(None);
        }
        config
            .build()
            .call()
            .map_err(|error| network_error(error, uri, self.timeout))
    }
}

/// What the answers on the way to a file have said about it.
#[derive(Default)]
struct Headers {
    commit: Option<String>,
    etag: Option<String>,
    linked_etag: Option<String>,
    linked_size: Option<u64>,
}

impl Headers {
    fn collect(&mut self, headers: &HeaderMap) {
        let text = |name: &str| Some(headers.get(name)?.to_str().ok()?.to_owned());
        self.commit = text("x-repo-commit").or(self.commit.take());
        self.etag = text("etag").or(self.etag.take());
        self.linked_etag = text("x-linked-etag").or(self.linked_etag.take());
        let size = text("x-linked-size").and_then(|size| size.parse().ok());
        self.linked_size = size.or(self.linked_size);
    }

    fn file_info(self, size: Option<u64>, uri: &Uri) -> Result<FileInfo, HubError> {
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

fn content(response: Response<Body>, offset: u64) -> Content {
    let resumed = response.status() == StatusCode::PARTIAL_CONTENT
        && content_range(&response).is_some_and(|(start, _)| start == offset);
    Content {
        start: if resumed { offset } else { 0 },
        body: Box::new(response.into_body().into_reader()),
    }
}

/// Start and total of `Content-Range: bytes start-end/total`.
fn content_range(response: &Response<Body>) -> Option<(u64, Option<u64>)> {
    let value = response
        .headers()
        .get(header::CONTENT_RANGE)?
        .to_str()
        .ok()?;
    let (range, total) = value.strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    Some((start.parse().ok()?, total.parse().ok()))
}

fn total_size(response: &Response<Body>) -> Option<u64> {
    match response.status() {
        StatusCode::PARTIAL_CONTENT => content_range(response)?.1,
        _ => response
            .headers()
            .get(header::CONTENT_LENGTH)?
            .to_str()
            .ok()?
            .parse()
            .ok(),
    }
}

fn check_status(response: Response<Body>, uri: &Uri) -> Result<Response<Body>, HubError> {
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

fn redirect_target(response: &Response<Body>, from: &Uri) -> Result<Uri, HubError> {
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

fn too_many_redirects(uri: &Uri) -> HubError {
    HubError::new(
        HubErrorKind::NotTheHub,
        format!("{} redirects without end", host_of(uri)),
    )
    .next("check HF_ENDPOINT and the proxy settings")
}

fn parse_uri(text: &str) -> Result<Uri, HubError> {
    text.parse().map_err(|error: ureq::http::uri::InvalidUri| {
        HubError::new(HubErrorKind::InvalidName, "the file's address is not a URL").caused_by(error)
    })
}

/// Only the host: the rest of a storage address is a key to the file, and the
/// endpoint's may hold a password.
fn host_of(uri: &Uri) -> String {
    uri.host().unwrap_or("the Hub").to_owned()
}

fn same_origin(a: &Uri, b: &Uri) -> bool {
    let port = |uri: &Uri| {
        let default = if uri.scheme_str() == Some("https") {
            443
        } else {
            80
        };
        uri.port_u16().unwrap_or(default)
    };
    let host = |uri: &Uri| uri.host().map(str::to_ascii_lowercase);
    a.scheme_str() == b.scheme_str() && host(a) == host(b) && port(a) == port(b)
}

fn is_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let address = host.parse::<std::net::IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

fn network_error(error: HttpError, uri: &Uri, timeout: Duration) -> HubError {
    let host = host_of(uri);
    let timed_out = match &error {
        HttpError::Timeout(_) => true,
        HttpError::Io(error) => error.kind() == io::ErrorKind::TimedOut,
        _ => false,
    };
    let new = if timed_out {
        HubError::new(
            HubErrorKind::TimedOut,
            format!("{host} did not answer within {} s", timeout.as_secs_f32()),
        )
        .next("try again, or give it longer with DOLMETSCH_HTTP_TIMEOUT")
    } else {
        HubError::new(
            HubErrorKind::Unreachable,
            format!("{host} cannot be reached"),
        )
        .next("check the network, and HTTPS_PROXY if there is a proxy")
    };
    new.caused_by(error)
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
    fn the_token_goes_to_the_same_scheme_host_and_port_only() {
        let endpoint = uri("https://huggingface.co");
        for (other, same) in [
            ("https://HuggingFace.co/a/b", true),
            ("https://huggingface.co:443/a", true),
            ("http://huggingface.co/a", false),
            ("https://huggingface.co:8443/a", false),
            ("https://cdn-lfs.huggingface.co/a", false),
            ("https://huggingface.co.evil.example/a", false),
        ] {
            assert_eq!(same_origin(&uri(other), &endpoint), same, "{other}");
        }
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

    #[test]
    fn loopback_addresses_go_around_the_proxy() {
        for (text, expected) in [
            ("http://127.0.0.1:8080/", true),
            ("http://localhost/", true),
            ("http://[::1]:1/", true),
            ("http://192.168.0.1/", false),
            ("https://huggingface.co/", false),
        ] {
            assert_eq!(is_loopback(&uri(text)), expected, "{text}");
        }
    }
}
