//! One request at a time, hardened: hf-hub names the addresses and sends the
//! requests; time-outs, status, redirects and who sees the token are settled
//! here.
//!
//! hf-hub 0.5's own `download` checks no hash, has no time-outs, waits five
//! seconds for another process, and sends the token to the host that large
//! files are redirected to. `ApiRepo::info_request` hands out a request with
//! its agent and headers, which can be aimed at a file and configured; this
//! module does so for every request.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use hf_hub::api::sync::{Api, ApiBuilder};
use hf_hub::{Cache, Repo, RepoType};
use ureq::Body;
use ureq::http::{Response, StatusCode, Uri, header};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};

use super::answer::{
    FileInfo, Headers, check_status, content_range, host_of, network_error, redirect_target,
    total_size,
};
use super::{HubError, HubErrorKind, HubOptions, RepoId};

const MOST_REDIRECTS: usize = 8;

/// A host that does not take a connection in this time will not.
const LONGEST_CONNECT: Duration = Duration::from_secs(10);

/// Sends requests to one Hub.
pub(super) struct Client {
    /// Knows the token; for requests to the endpoint.
    trusted: Api,
    /// Knows none; for wherever the endpoint sends us.
    anonymous: Api,
    endpoint: Uri,
    timeout: Duration,
    tls: TlsConfig,
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
            tls: tls_config(options.authorities.as_deref())?,
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
            .tls_config(self.tls.clone())
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            // A compressed body would have another length than the file.
            .accept_encoding("identity")
            .timeout_resolve(Some(self.timeout.min(LONGEST_CONNECT)))
            .timeout_connect(Some(self.timeout.min(LONGEST_CONNECT)))
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

fn content(response: Response<Body>, offset: u64) -> Content {
    let resumed = response.status() == StatusCode::PARTIAL_CONTENT
        && content_range(&response).is_some_and(|(start, _)| start == offset);
    Content {
        start: if resumed { offset } else { 0 },
        body: Box::new(response.into_body().into_reader()),
    }
}

/// Mozilla's authorities, or those of a file.
fn tls_config(authorities: Option<&Path>) -> Result<TlsConfig, HubError> {
    let builder = TlsConfig::builder().provider(TlsProvider::Rustls);
    let Some(path) = authorities else {
        return Ok(builder.build());
    };
    let pem = std::fs::read(path).map_err(|error| HubError::disk("read", path, error))?;
    let certificates: Vec<Certificate<'static>> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        let cause = format!("{} holds no certificate", path.display());
        return Err(HubError::new(HubErrorKind::InvalidName, cause)
            .next("SSL_CERT_FILE or REQUESTS_CA_BUNDLE must name a PEM file"));
    }
    let roots = RootCerts::new_with_certs(&certificates);
    Ok(builder.root_certs(roots).build())
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
