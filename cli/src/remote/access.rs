//! Which server a command talks to, and with which key or token.

use std::path::{Path, PathBuf};

use fanfare::client::{Client, ClientError, TokenRequest, TokenSigner};
use fanfare_codegen::{CONFIGURATION, Configuration, Server};

use super::failure::Failure;

const URL_VARIABLE: &str = "FANFARE_URL";
pub(crate) const KEY_VARIABLE: &str = "FANFARE_SIGNING_KEY";
const TOKEN_VARIABLE: &str = "FANFARE_TOKEN";

/// The path of the routes, which a URL may end with.
pub(crate) const ROUTES: &str = "/v1/realtime";

#[derive(clap::Args)]
pub(super) struct AccessArguments {
    /// The URL of the server [default: `FANFARE_URL`, or `server.url` in fanfare.yaml]
    #[arg(long, value_name = "URL", global = true, help_heading = "Server")]
    url: Option<String>,
    #[command(flatten)]
    credential: CredentialArguments,
}

#[derive(clap::Args)]
pub(crate) struct CredentialArguments {
    /// The signing key of the server [default: `FANFARE_SIGNING_KEY`, or the variable that `server.key-variable` in fanfare.yaml names]
    #[arg(long, value_name = "KEY", global = true, help_heading = "Server", conflicts_with = "token")]
    key: Option<String>,
    /// A token, in place of the signing key [default: `FANFARE_TOKEN`]
    #[arg(long, value_name = "TOKEN", global = true, help_heading = "Server")]
    token: Option<String>,
    /// The configuration file [default: fanfare.yaml, if it exists]
    #[arg(long, value_name = "FILE", global = true, help_heading = "Server")]
    config: Option<PathBuf>,
}

/// The claims that a server may require of the tokens that a command signs.
#[derive(clap::Args)]
pub(super) struct RequiredClaims {
    /// The issuer of the token, if the server sets `HubBuilder::issuer`
    #[arg(long, value_name = "TEXT")]
    issuer: Option<String>,
    /// The audience of the token, if the server sets `HubBuilder::audience`
    #[arg(long, value_name = "TEXT")]
    audience: Option<String>,
}

impl RequiredClaims {
    pub(super) fn signer(&self, key: &str) -> Result<TokenSigner, Failure> {
        let signer = TokenSigner::new(key).map_err(|error| Failure::usage(error.to_string()))?;
        Ok(signer.issuer(self.issuer.clone()).audience(self.audience.clone()))
    }
}

/// The key or token that authorizes requests.
pub(super) enum Credential {
    SigningKey(String),
    Token(String),
}

/// A server, and the key or token for requests to it.
pub(super) struct Access {
    pub(super) url: String,
    pub(super) credential: Credential,
    pub(super) client: Client,
}

impl AccessArguments {
    pub(super) fn resolve(&self) -> Result<Access, Failure> {
        let url = match self.url.clone().or_else(|| read_variable(URL_VARIABLE)) {
            Some(url) => url,
            None => self.credential.server()?.url.ok_or_else(|| {
                Failure::usage("no server URL").help(format!(
                    "pass `--url http://localhost:3000`, set {URL_VARIABLE}, or add `server: {{ url: … }}` to \
                     {CONFIGURATION}"
                ))
            })?,
        };
        let credential = self.credential.resolve()?;
        Ok(Access::new(&url, credential))
    }
}

impl CredentialArguments {
    /// Returns the key or token for a command that takes only some of the options, or `None` if there is none.
    ///
    /// # Errors
    /// Returns an error if the configuration cannot be read, or names a variable that is not set.
    pub(crate) fn find_text(key: Option<String>, config: Option<PathBuf>) -> std::io::Result<Option<String>> {
        let found = Self { key, token: None, config }.find().map_err(Failure::into_io)?;
        Ok(found.map(|(Credential::SigningKey(text) | Credential::Token(text))| text))
    }

    pub(super) fn resolve(&self) -> Result<Credential, Failure> {
        self.find()?.ok_or_else(|| {
            Failure::usage("no signing key or token").help(format!(
                "pass `--key` or `--token`, set {KEY_VARIABLE} or {TOKEN_VARIABLE}, or name the variable that has the \
                 key in {CONFIGURATION}: `server: {{ key-variable: … }}`"
            ))
        })
    }

    /// Returns the signing key, or `None` if there is none.
    pub(super) fn find_key(&self) -> Result<Option<String>, Failure> {
        Ok(match self.find()? {
            Some(Credential::SigningKey(key)) => Some(key),
            _ => None,
        })
    }

    fn find(&self) -> Result<Option<Credential>, Failure> {
        let given = self.key.clone().map(Credential::SigningKey);
        let given = given.or_else(|| self.token.clone().map(Credential::Token));
        let given = given.or_else(|| read_variable(KEY_VARIABLE).map(Credential::SigningKey));
        if let Some(given) = given.or_else(|| read_variable(TOKEN_VARIABLE).map(Credential::Token)) {
            return Ok(Some(given));
        }
        let Some(variable) = self.server()?.key_variable else { return Ok(None) };
        let key = read_variable(&variable).ok_or_else(|| {
            let file = self.configuration().display().to_string();
            Failure::usage(format!("the environment variable {variable} is not set"))
                .help(format!("{file} names it as the one with the signing key: set it, or pass `--key`"))
        })?;
        Ok(Some(Credential::SigningKey(key)))
    }

    fn server(&self) -> Result<Server, Failure> {
        let configuration = match &self.config {
            Some(path) => Configuration::read(path),
            None => Configuration::find(Path::new(CONFIGURATION)),
        };
        Ok(configuration.map_err(|error| Failure::usage(error.to_string()))?.server)
    }

    fn configuration(&self) -> &Path {
        self.config.as_deref().unwrap_or(Path::new(CONFIGURATION))
    }
}

impl Access {
    pub(super) fn new(url: &str, credential: Credential) -> Self {
        let base = url.trim_end_matches('/');
        let url = base.strip_suffix(ROUTES).unwrap_or(base).to_owned();
        // A person waits: fail soon instead of trying for long.
        let client = Client::new(&url).max_retries(1);
        let client = match &credential {
            Credential::SigningKey(key) => client.signing_key(key),
            Credential::Token(token) => {
                let token = token.clone();
                client.token(move |_: TokenRequest| std::future::ready(Ok::<_, ClientError>(token.clone())))
            }
        };
        Self { url, credential, client }
    }

    /// Returns `true` if the server refuses the token: there is no other one to try.
    pub(super) fn is_final(&self, error: &ClientError) -> bool {
        matches!(self.credential, Credential::Token(_)) && is_unauthorized(error)
    }

    /// Explains an error of the client.
    pub(super) fn explain(&self, error: ClientError) -> Failure {
        let url = &self.url;
        match error {
            ClientError::Unreachable(why) => Failure::usage(format!("cannot reach {url}: {why}"))
                .help("start the server, or correct the URL"),
            error if is_unauthorized(&error) => self.explain_unauthorized(),
            // Errors of Fanfare have a message in JSON. Those of other servers and proxies are texts, or empty.
            ClientError::Refused { status: Some(status @ (404 | 405)), code: None, data: None, .. } => {
                Failure::usage(format!("{url} does not serve Fanfare (status {status})"))
                    .help("correct the URL: it is the part before `/v1/realtime`")
            }
            ClientError::Refused { message, data, .. } => Failure::refused(message, data.as_deref()),
            error => Failure::usage(error.to_string()),
        }
    }

    /// Explains an error of an admin route.
    pub(super) fn explain_admin(&self, error: ClientError) -> Failure {
        match &error {
            ClientError::Refused { status: Some(404), code: None, .. } => {
                Failure::usage(format!("{} has no admin routes", self.url)).help(
                    "enable them with `HubBuilder::admin_routes(true)`, or correct the URL: it is the part before \
                     `/v1/realtime`",
                )
            }
            _ => self.explain(error),
        }
    }

    fn explain_unauthorized(&self) -> Failure {
        match self.credential {
            Credential::SigningKey(_) => Failure::usage(format!("{} refuses the signing key", self.url))
                .help("use the key that the server passes to `HubBuilder::signing_key`"),
            Credential::Token(_) => {
                Failure::usage(format!("{} refuses the token for this request", self.url))
                    .help("`fanfare token decode` shows what it allows and when it expires")
            }
        }
    }
}

fn is_unauthorized(error: &ClientError) -> bool {
    match error {
        ClientError::Refused { status: Some(status), .. } => *status == 401,
        ClientError::Refused { code: Some(code), .. } => code == "unauthorized",
        _ => false,
    }
}

/// Returns a variable of the environment that is not empty.
pub(crate) fn read_variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
