//! The kinds of changes that break someone, with stable ids.

/// The kind of harm that a change does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Category {
    /// Code that uses the generated types no longer compiles.
    Source,
    /// One side rejects a value that the other side sends.
    Wire,
    /// A channel, topic or signal is not found, so tokens for it do not work.
    Address,
    /// Stored messages are no longer valid, or fewer are kept.
    History,
    /// Stored results of runs, or signals that wait for them, are no longer valid.
    Runs,
}

impl Category {
    /// All categories.
    pub const ALL: [Self; 5] = [Self::Source, Self::Wire, Self::Address, Self::History, Self::Runs];

    /// Returns the description.
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::Source => "Code that uses the generated types no longer compiles.",
            Self::Wire => "One side rejects a value that the other side sends.",
            Self::Address => "A channel, topic or signal is not found, so tokens for it do not work.",
            Self::History => "Stored messages are no longer valid, or fewer are kept.",
            Self::Runs => "Stored results of runs, or signals that wait for them, are no longer valid.",
        }
    }

    /// Returns the name in `fanfare.yaml`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Wire => "wire",
            Self::Address => "address",
            Self::History => "history",
            Self::Runs => "runs",
        }
    }
}

/// The two versions that do not work together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pair {
    /// Breaks once the new server runs, as long as old pages are open.
    OldPageNewServer,
    /// Breaks once new pages are served, as long as the old server runs.
    NewPageOldServer,
    /// Breaks in both orders.
    Both,
    /// Does not depend on the order.
    Neither,
}

macro_rules! rules {
    ($($(#[doc = $text:literal])+ $name:ident = $id:literal, $category:ident, $pair:ident, $advice:literal;)+) => {
        /// A kind of change that breaks someone.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Rule {
            $($(#[doc = $text])+ $name,)+
        }

        impl Rule {
            /// All rules.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// Returns the id, which never changes.
            #[must_use]
            pub fn id(self) -> &'static str {
                match self {
                    $(Self::$name => $id,)+
                }
            }

            /// Returns who the change breaks.
            #[must_use]
            pub fn category(self) -> Category {
                match self {
                    $(Self::$name => Category::$category,)+
                }
            }

            /// Returns the versions that do not work together.
            pub(crate) fn pair(self) -> Pair {
                match self {
                    $(Self::$name => Pair::$pair,)+
                }
            }

            /// Returns the address of the documentation.
            #[must_use]
            pub fn help(self) -> String {
                format!("{}/blob/main/docs/breaking-changes.md#{}", env!("CARGO_PKG_REPOSITORY"), self.id())
            }

            /// Returns what to do about the change.
            #[must_use]
            pub fn advice(self) -> &'static str {
                match self {
                    $(Self::$name => $advice,)+
                }
            }

            /// Returns the description.
            #[must_use]
            pub fn description(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($text),+).trim_ascii(),)+
                }
            }
        }
    };
}

rules! {
    /// The new server sends messages that open pages refuse.
    MessageRefusedByOldPages = "message-refused-by-old-pages", Wire, OldPageNewServer,
        "Deploy the pages first, and the servers once no old page is open. An enum or a tagged union with `x-open: true` can gain values at any time.";
    /// New pages refuse messages that the old server sends.
    MessageRefusedByNewPages = "message-refused-by-new-pages", Wire, NewPageOldServer,
        "Deploy the servers first. If a property becomes required, let the servers send it in one release, and require it in the next.";
    /// The new server refuses signals that open pages send.
    SignalRefusedByNewServer = "signal-refused-by-new-server", Wire, OldPageNewServer,
        "Accept the old signals in one release, and refuse them in a later one, once no page sends them.";
    /// The old server refuses signals that new pages send.
    SignalRefusedByOldServer = "signal-refused-by-old-server", Wire, NewPageOldServer,
        "Deploy the servers first.";
    /// Runs on the new server return results that open pages refuse.
    ResultRefusedByOldPages = "result-refused-by-old-pages", Wire, OldPageNewServer,
        "Deploy the pages first, and the servers once no old page is open.";
    /// New pages refuse results of runs on the old server.
    ResultRefusedByNewPages = "result-refused-by-new-pages", Wire, NewPageOldServer,
        "Deploy the servers first.";
    /// The topic carries text streams on one side, and payloads on the other.
    TopicKindChanged = "topic-kind-changed", Wire, Both,
        "Add a topic with another name, and remove the old one once no page subscribes to it.";
    /// Only values with properties that their own definition does not declare are refused. Generated types send none.
    UndeclaredPropertyRefused = "undeclared-property-refused", Wire, Neither,
        "Nothing needs to be done if only generated types write these values. If other code publishes JSON, check that it does not use the name of the property for something else.";
    /// Open pages and their tokens name a channel that the new server does not have.
    ChannelRemoved = "channel-removed", Address, OldPageNewServer,
        "Keep the channel until no page subscribes to it.";
    /// New pages name a channel that the old server does not have.
    ChannelAdded = "channel-added", Address, NewPageOldServer,
        "Deploy the servers first.";
    /// Pages and tokens of one version name the channel by an address that the other server does not know.
    AddressChanged = "address-changed", Address, Both,
        "Add a channel with the new address, publish to both, and remove the old one once no page subscribes to it.";
    /// The new server refuses names of channels that open pages and their tokens use.
    ParamNarrowed = "param-narrowed", Address, OldPageNewServer,
        "Keep the params that pages and tokens use until they are gone.";
    /// The old server refuses names of channels that new pages use.
    ParamWidened = "param-widened", Address, NewPageOldServer,
        "Deploy the servers first.";
    /// Open pages and their tokens name a topic that the new server does not have.
    TopicRemoved = "topic-removed", Address, OldPageNewServer,
        "Keep the topic until no page subscribes to it. If it has a new name, add the old one to its `aliases`.";
    /// New pages name a topic that the old server does not have.
    TopicAdded = "topic-added", Address, NewPageOldServer,
        "Deploy the servers first.";
    /// Open pages send a signal that the new server does not have.
    SignalRemoved = "signal-removed", Address, OldPageNewServer,
        "Keep the signal until no page sends it. If it has a new name, add the old one to its `aliases`.";
    /// New pages send a signal that the old server does not have.
    SignalAdded = "signal-added", Address, NewPageOldServer,
        "Deploy the servers first.";
    /// Stored messages are no longer valid, so the new server does not deliver them.
    StoredMessageRefused = "stored-message-refused", History, Neither,
        "History starts after the latest such message: clients that resume from before receive a gap, and a retained message may be missing until the next one is published. Publish a new message to topics that retain the last one.";
    /// New subscribers receive fewer retained messages.
    RetainReduced = "retain-reduced", History, Neither,
        "Check that no page relies on the messages that are no longer retained.";
    /// Clients have less time, or fewer messages, to resume.
    HistoryReduced = "history-reduced", History, Neither,
        "Check that clients which resume later than that can handle a gap.";
    /// Signals that wait for a run, or that a run has received, are no longer valid.
    StoredSignalRefused = "stored-signal-refused", Runs, Neither,
        "A run that has recorded such a signal halts when it continues. Accept the old values until these runs have ended.";
    /// Results that runs have stored are no longer valid.
    StoredResultRefused = "stored-result-refused", Runs, Neither,
        "Pages that subscribe to a run that has ended receive its result, and refuse it. Accept the old results as long as pages show such runs.";
    /// Rust code that uses the generated types may not compile.
    RustChanged = "rust-changed", Source, Neither,
        "Adapt the code. Code that builds structs with `new` and `..` compiles if optional properties are added.";
    /// TypeScript code that uses the generated types may not compile.
    TypescriptChanged = "typescript-changed", Source, Neither,
        "Adapt the code.";
}
