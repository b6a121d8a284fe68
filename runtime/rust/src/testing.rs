//! Testing applications: a hub whose time the test controls, and runs that it can steer.
//!
//! Everything else is the real thing: the hub, its storage, and your jobs. Enable the feature `testing` for tests only,
//! in `[dev-dependencies]`. `docs/testing-rust.md` introduces it.
//!
//! ```
//! # use std::time::Duration;
//! # use fanfare::schema::{Schema, Text};
//! # use fanfare::{AddressPart, Carries, Channel, ChannelDefinition, History, Registry, Retain, Run, RunError, Runs, TopicDefinition, TypedChannel};
//! # static TEXT: Schema = Schema::Text(Text::ANY);
//! # static STORY: ChannelDefinition = ChannelDefinition {
//! #     name: "story",
//! #     address: &[AddressPart::Literal("story")],
//! #     topics: &[TopicDefinition::new("lines", Carries::Payload(&TEXT), Retain::None)],
//! #     result: Some(&TEXT),
//! #     history: History { messages: 100, age: Duration::from_secs(300) },
//! #     fingerprint: "9f2c",
//! #     ..ChannelDefinition::EMPTY
//! # };
//! # static REGISTRY: Registry = Registry { channels: &[&STORY] };
//! # #[derive(Clone)]
//! # struct Story(Channel);
//! # impl Story { fn lines(&self) -> fanfare::Topic<'_, str> { self.0.topic(0) } }
//! # impl TypedChannel for Story {
//! #     type Result = String;
//! #     const DEFINITION: &'static ChannelDefinition = &STORY;
//! #     fn channel(&self) -> &Channel { &self.0 }
//! #     fn from_channel(channel: Channel) -> Option<Self> { Some(Self(channel)) }
//! # }
//! use fanfare::testing::{TestHub, TestRuns};
//!
//! async fn tell(run: Run<Story>, name: String) -> Result<String, RunError> {
//!     let line: String = run.step("write", async || Ok::<_, RunError>(format!("Once upon {name}"))).await?;
//!     run.sleep("a pause", Duration::from_secs(3600)).await?;
//!     run.publish("tell", run.channel().lines(), &line).await?;
//!     Ok(line)
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let hub = TestHub::new(&REGISTRY); // In a function with `#[tokio::test]`.
//! let mut builder = Runs::builder(&hub);
//! let stories = builder.register("tell", tell);
//! let runs = TestRuns::build(builder).await?;
//! runs.fail_step("write", RunError::retry("no ink"));
//!
//! let story = Story(Channel::without_params(&STORY));
//! let run = runs.start(&stories, "run_1", &story, &"Ada".to_owned()).await?;
//! assert_eq!(run.result().await, "Once upon Ada"); // after another attempt, and an hour that passes at once
//! assert_eq!(hub.published(story.lines()), ["Once upon Ada"]);
//! # Ok(())
//! # }
//! ```

mod clock;
mod hub;
mod runs;

pub use clock::TestClock;
pub use hub::TestHub;
pub use runs::{TestRun, TestRuns};
