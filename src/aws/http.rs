//! The HTTP client of the SDK, one for all services: through our proxy, trusting whom we trust.
//!
//! The SDK's own would be one for each service, each with the system's certificates in memory; it knows no CA bundle, and it
//! asks even instance metadata through the proxy of the environment.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

use super::proxy::Proxy;
use super::route::Route;

impl Route {
    /// The client; its clones share their connections.
    pub fn http_client(&self) -> SharedHttpClient {
        SharedHttpClient::new(Client { route: self.clone(), connectors: Mutex::default() })
    }
}

/// What tells one connector from another: how long a connection may take to stand, and an answer to begin.
type Limits = (Option<Duration>, Option<Duration>);

#[derive(Debug)]
struct Client {
    route: Route,
    /// One for our own requests, and one each for what the chain of credentials asks with time limits of its own.
    connectors: Mutex<Vec<(Limits, SharedHttpConnector)>>,
}

impl HttpClient for Client {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let limits = (settings.connect_timeout(), settings.read_timeout());
        let mut connectors = self.connectors.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, connector)) = connectors.iter().find(|(known, _)| *known == limits) {
            return connector.clone();
        }
        let connector = self.route.connector(settings, components);
        connectors.push((limits, connector.clone()));
        connector
    }
}

impl Route {
    fn connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let with = |proxy: Option<ProxyConfig>| {
            let tls = TlsContext::builder().with_trust_store(self.trust.store()).build().unwrap_or_default();
            let mut builder = Connector::builder().connector_settings(settings.clone());
            builder.set_sleep_impl(components.sleep_impl());
            builder.set_proxy_config(proxy.map(|proxy| proxy.no_proxy(&self.proxies.no)));
            builder.tls_provider(Provider::Rustls(CryptoMode::AwsLc)).tls_context(tls).build()
        };
        // A URL that was checked at the start is not refused here.
        let config = |proxy: &Proxy, make: fn(String) -> Result<ProxyConfig, _>| make(proxy.url().to_owned()).ok();
        match (&self.proxies.http, &self.proxies.https) {
            (None, None) => SharedHttpConnector::new(with(None)),
            (Some(http), None) => SharedHttpConnector::new(with(config(http, ProxyConfig::http))),
            (None, Some(https)) => SharedHttpConnector::new(with(config(https, ProxyConfig::https))),
            (Some(http), Some(https)) if http == https => {
                SharedHttpConnector::new(with(config(http, ProxyConfig::all)))
            }
            (Some(http), Some(https)) => SharedHttpConnector::new(ByScheme {
                http: with(config(http, ProxyConfig::http)),
                https: with(config(https, ProxyConfig::https)),
            }),
        }
    }
}

/// Two proxies, which the SDK's connector does not know.
#[derive(Debug)]
struct ByScheme {
    http: Connector,
    https: Connector,
}

impl HttpConnector for ByScheme {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if request.uri().starts_with("https:") { self.https.call(request) } else { self.http.call(request) }
    }
}
