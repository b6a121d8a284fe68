//! The routes of the page besides its subscriptions: starting runs, minting tokens, and Studio.

use crate::job::Task;
use crate::text::Text;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Redirect;
use axum::routing::{get, post};
use axum::{Json, Router};
use channels::pipeline::{self, Pipeline};
use channels::system::{self, System};
use fanfare::{Grant, Hub, Job, Runs};
use rand::distr::{Distribution, Uniform};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tower_http::services::ServeDir;

const TOKEN_LIFE: Duration = Duration::from_secs(300);
const STUDIO_TOKEN_LIFE: Duration = Duration::from_secs(60 * 60);
const RUN_ID_LETTERS: usize = 12;

/// The state of all routes.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) hub: Hub,
    pub(crate) runs: Runs,
    pub(crate) summaries: Job<Pipeline, Task>,
    /// The text to summarise if a visitor provides none.
    pub(crate) text: Arc<str>,
    pub(crate) pause: Duration,
}

/// Returns all routes of the server.
pub(crate) fn routes(app: App, page: &Path) -> Router {
    let realtime = fanfare::routes(app.hub.clone());
    let studio = fanfare::studio(&app.hub);
    Router::new()
        .route("/runs", post(start_run))
        .route("/token", get(mint_token))
        .route("/look-inside", get(open_studio))
        .with_state(app)
        .merge(realtime)
        .merge(studio)
        .fallback_service(ServeDir::new(page))
}

type Refusal = (StatusCode, String);

#[derive(Deserialize)]
struct NewRun {
    text: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StartedRun {
    run_id: String,
}

/// Starts a run, and responds after it is stored. The run publishes its progress on its channel.
async fn start_run(
    State(app): State<App>,
    new_run: Option<Json<NewRun>>,
) -> Result<(StatusCode, Json<StartedRun>), Refusal> {
    let own_text = new_run.and_then(|Json(new_run)| new_run.text);
    let text = own_text.unwrap_or_else(|| app.text.to_string());
    if Text::read(&text).sentences.is_empty() {
        return Err((StatusCode::UNPROCESSABLE_ENTITY, "The text has no sentence to summarise.".into()));
    }
    let run_id = new_run_id();
    let pipeline = Pipeline::new(&run_id).map_err(internal)?;
    let task = Task { text, pause: app.pause };
    app.runs.start(&app.summaries, &run_id, &pipeline, &task).await.map_err(internal)?;
    Ok((StatusCode::ACCEPTED, Json(StartedRun { run_id })))
}

#[derive(Deserialize)]
struct TokenQuery {
    run: Option<String>,
    visitor: Option<String>,
}

#[derive(Serialize)]
struct MintedToken {
    token: String,
}

/// Mints a token for a run's channel, or for the system channel if there is no run.
///
/// The demo trusts all visitors. An application would check here who is logged in, and whether that person
/// may see this run and approve its summary.
async fn mint_token(
    State(app): State<App>,
    Query(query): Query<TokenQuery>,
) -> Result<Json<MintedToken>, Refusal> {
    let grant = match query.run {
        Some(run) => run_grant(&run)?,
        None => System::new().grant([system::Topic::Notice]),
    };
    let token = app.hub.token(grant).expires_in(TOKEN_LIFE);
    let token = match query.visitor {
        Some(visitor) => token.subject(visitor),
        None => token,
    };
    let token = token.mint().map_err(internal)?;
    Ok(Json(MintedToken { token }))
}

#[derive(Deserialize)]
struct StudioQuery {
    run: Option<String>,
}

/// Opens Studio at a run or at all runs, signed in with an admin token.
///
/// An application would check here that the visitor is an operator. Browsers do not send the token to a server with the
/// page's address, because it is in the fragment.
async fn open_studio(State(app): State<App>, Query(query): Query<StudioQuery>) -> Result<Redirect, Refusal> {
    let view = match query.run {
        Some(run) => {
            // A valid run id has no characters to escape.
            run_grant(&run)?;
            format!("runs/{run}")
        }
        None => "runs".into(),
    };
    let admin = app.hub.admin();
    let token = admin.token().subject("visitor").expires_in(STUDIO_TOKEN_LIFE).mint().map_err(internal)?;
    Ok(Redirect::to(&format!("/studio#key={token}&view={view}")))
}

fn run_grant(run: &str) -> Result<Grant, Refusal> {
    use pipeline::Topic::{Draft, Insights, Status, Summary};
    let pipeline = Pipeline::new(run).map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))?;
    let signals = pipeline.grant_signals([pipeline::Signal::Approve]);
    Ok(pipeline.grant([Status, Insights, Draft, Summary]).and(signals))
}

fn new_run_id() -> String {
    let letters = Uniform::new(0, 36).expect("0 is less than 36");
    let letters = letters.sample_iter(rand::rng()).take(RUN_ID_LETTERS);
    letters.fold(String::from("run_"), |id, letter| {
        id + &char::from_digit(letter, 36).unwrap_or('0').to_string()
    })
}

fn internal(error: impl std::fmt::Display) -> Refusal {
    (StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}
