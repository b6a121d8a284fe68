//! Diagnostics: what is wrong with a definition, where, and how to fix it.
//!
//! The other modules refer to a location by its path in the document. The line and column are looked up only when a
//! diagnostic is rendered.

mod machine;
mod spans;

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

pub(crate) use spans::{Spans, position};

/// The text of a definition file, kept to render diagnostics.
#[derive(Debug)]
pub(crate) struct Source {
    /// The path as the user wrote it.
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    /// The text is part of the compiler, and the path is its URI.
    is_built_in: bool,
    spans: Spans,
}

impl Source {
    /// Returns `true` if the text is part of the compiler.
    pub(crate) fn is_built_in(&self) -> bool {
        self.is_built_in
    }

    fn span(&self, target: &Target) -> Range<usize> {
        match target {
            Target::Key(location) => self.spans.key(&location.pointer.segments()),
            Target::Value(location) => self.spans.value(&location.pointer.segments()),
            Target::Span(_, span) => span.clone(),
            Target::Byte(_, at) => spans::word(&self.text, *at),
            Target::Path(_) => 0..0,
        }
    }
}

/// All files read so far, in order.
#[derive(Debug, Default)]
pub(crate) struct Sources(Vec<Source>);

/// Identifies one of the [`Sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SourceId(usize);

impl Sources {
    pub(crate) fn add(&mut self, path: PathBuf, text: String) -> SourceId {
        self.push(path, text, false)
    }

    /// Adds a text that is part of the compiler.
    pub(crate) fn add_built_in(&mut self, uri: &str, text: &str) -> SourceId {
        self.push(PathBuf::from(uri), text.to_owned(), true)
    }

    fn push(&mut self, path: PathBuf, text: String, is_built_in: bool) -> SourceId {
        self.0.push(Source { path, text, is_built_in, spans: Spans::default() });
        SourceId(self.0.len() - 1)
    }

    /// Replaces a folder in the paths of the files by a name such as `main:`.
    pub(crate) fn relabel(&mut self, folder: &Path, name: &str) {
        for source in &mut self.0 {
            if let Ok(path) = source.path.strip_prefix(folder) {
                source.path = PathBuf::from(format!("{name}{}", path.display()));
            }
        }
    }

    pub(crate) fn get(&self, id: SourceId) -> &Source {
        &self.0[id.0]
    }

    /// The files on the disk.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().filter(|source| !source.is_built_in).map(|source| source.path.as_path())
    }

    /// Sets the spans of a file's keys and values.
    pub(crate) fn locate(&mut self, id: SourceId, spans: Spans) {
        self.0[id.0].spans = spans;
    }

    /// Returns the line of the key at a location.
    pub(crate) fn line(&self, location: &Location) -> usize {
        let source = self.get(location.source);
        let start = source.spans.key(&location.pointer.segments()).start;
        source.text[..start].matches('\n').count() + 1
    }
}

/// A path of keys and indexes in a document. Paths share their beginnings, so that joining and cloning are cheap.
#[derive(Clone, Default)]
pub(crate) struct Pointer(Option<Arc<Step>>);

struct Step {
    before: Pointer,
    segment: String,
    /// The number of segments, and a hash of them.
    depth: usize,
    hash: u64,
}

impl Pointer {
    pub(crate) fn join(&self, segment: impl fmt::Display) -> Self {
        let segment = segment.to_string();
        let mut hasher = DefaultHasher::new();
        (self.hash(), &segment).hash(&mut hasher);
        let (depth, hash) = (self.depth() + 1, hasher.finish());
        Self(Some(Arc::new(Step { before: self.clone(), segment, depth, hash })))
    }

    pub(crate) fn segments(&self) -> Vec<&str> {
        let mut segments: Vec<&str> = self.steps().map(|step| step.segment.as_str()).collect();
        segments.reverse();
        segments
    }

    pub(crate) fn depth(&self) -> usize {
        self.0.as_ref().map_or(0, |step| step.depth)
    }

    fn hash(&self) -> u64 {
        self.0.as_ref().map_or(0, |step| step.hash)
    }

    /// The steps from the last to the first.
    fn steps(&self) -> impl Iterator<Item = &Arc<Step>> {
        std::iter::successors(self.0.as_ref(), |step| step.before.0.as_ref())
    }
}

impl PartialEq for Pointer {
    fn eq(&self, other: &Self) -> bool {
        let mut pairs = self.steps().zip(other.steps());
        let differs = |(one, other): &(&Arc<Step>, &Arc<Step>)| {
            Arc::ptr_eq(one, other) || one.hash != other.hash || one.segment != other.segment
        };
        self.hash() == other.hash()
            && self.depth() == other.depth()
            && pairs.find(differs).is_none_or(|(one, other)| Arc::ptr_eq(one, other))
    }
}

impl Eq for Pointer {}

impl Hash for Pointer {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash());
    }
}

impl fmt::Debug for Pointer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "/{}", self.segments().join("/"))
    }
}

/// A location in a definition file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Location {
    pub(crate) source: SourceId,
    pub(crate) pointer: Pointer,
}

impl Location {
    pub(crate) fn root(source: SourceId) -> Self {
        Self { source, pointer: Pointer::default() }
    }

    pub(crate) fn join(&self, segment: impl fmt::Display) -> Self {
        Self { source: self.source, pointer: self.pointer.join(segment) }
    }

    /// The location at a relative path.
    pub(crate) fn below(&self, steps: &[impl fmt::Display]) -> Self {
        steps.iter().fold(self.clone(), |location, step| location.join(step))
    }

    /// The ancestor of this location at a depth, from the root.
    pub(crate) fn ancestor(&self, depth: usize) -> Self {
        let step = self.pointer.steps().find(|step| step.depth <= depth);
        Self { source: self.source, pointer: Pointer(step.filter(|_| depth > 0).cloned()) }
    }

    /// The number of steps from the root that two locations share, plus one; 0 in different files.
    pub(crate) fn shared_depth(&self, other: &Self) -> usize {
        if self.source != other.source {
            return 0;
        }
        let (one, other) = (self.pointer.segments(), other.pointer.segments());
        1 + one.iter().zip(other).take_while(|(one, other)| *one == other).count()
    }
}

/// The text that a diagnostic underlines.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    /// The key at a location.
    Key(Location),
    /// The value at a location.
    Value(Location),
    /// A span of bytes.
    Span(SourceId, Range<usize>),
    /// The word that starts at a byte.
    Byte(SourceId, usize),
    /// A file or folder as a whole.
    Path(PathBuf),
}

/// Declares the kinds of diagnostics, each with its stable code and a description for tables. `explanations/` has a file for
/// each code.
macro_rules! codes {
    ($($name:ident $code:literal $finds:literal,)*) => {
        /// The kinds of diagnostics.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Code {
            $(#[doc = $finds] $name,)*
        }

        impl Code {
            pub(crate) const ALL: &[Self] = &[$(Self::$name),*];

            pub(crate) fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)*
                }
            }

            /// A description, for tables.
            pub(crate) fn finds(self) -> &'static str {
                match self {
                    $(Self::$name => $finds,)*
                }
            }

            /// The explanation in Markdown, with an example and its correction.
            pub(crate) fn explanation(self) -> &'static str {
                match self {
                    $(Self::$name => include_str!(concat!("diagnostics/explanations/", $code, ".md")),)*
                }
            }
        }
    };
}

codes! {
    Syntax "E0001" "a file that is not valid YAML or JSON",
    DuplicateKey "E0002" "a duplicate key in a mapping",
    Shape "E0003" "a value of the wrong kind",
    UnknownKey "E0004" "an unknown key in the definition format",
    UnknownKeyword "E0005" "a misspelt JSON Schema keyword",
    UnsupportedKeyword "E0006" "a keyword that the draft does not have, where it would have no effect",
    CannotBeOpen "E0007" "`x-open` on a schema that cannot be open",
    Reference "E0008" "a `$ref` to nothing, to a file outside the definition folder, or to the network",
    EndlessReference "E0009" "a schema that applies itself to the same value, so that validation would not terminate",
    Pattern "E0010" "a pattern that is not an ECMA-262 regular expression with the `u` flag, or cannot be matched in linear time",
    Format "E0011" "a misspelt format",
    Limit "E0012" "a meaningless limit, such as `multipleOf: 0`",
    Unsatisfiable "E0013" "a schema that no value satisfies",
    IntegerRange "E0014" "an integer outside ±(2^53−1), which JavaScript cannot represent exactly",
    NameCollision "E0015" "a name collision in generated code",
    ReservedName "E0016" "a name that is reserved for generated code",
    BadName "E0017" "an invalid name of a file, type, channel, param, topic or signal",
    Address "E0018" "an invalid address or param",
    AddressOverlap "E0019" "two addresses that can produce the same channel name",
    Alternatives "E0021" "an open union whose alternatives are not tagged",
    NoDefinitions "E0022" "a folder without definitions",
    File "E0023" "a file that cannot be read",
    Dialect "E0024" "an unknown draft in `$schema`",
    AsyncApi "E0025" "a document that `fanfare import asyncapi` cannot read: not AsyncAPI 2 or 3, or without channels",
    StaleFile "E0026" "a generated file that differs from the definitions, found by `fanfare generate --check`",
    MissingFile "E0027" "a generated file that is missing, found by `fanfare generate --check`",
    UnexpectedFile "E0028" "a generated file that no definition produces any more, found by `fanfare generate --check`",
    UncheckedFormat "W0001" "a format that is not checked, in Rust or in TypeScript",
    Ignored "W0002" "an unknown keyword, which is an annotation",
    BindsNothing "W0003" "a keyword that has no effect for the schema's `type`",
    LostType "W0004" "a part of a schema that becomes any JSON value, or a wider type than the schema describes; values are still checked",
    UnlimitedPattern "W0005" "a pattern without `maxLength` on client input",
    WideInteger "W0006" "an integer format or limit beyond ±(2^53−1), outside which integers are rejected",
    NeverMatches "W0007" "an alternative or a property that no value matches",
    UndeclaredRequired "W0008" "a name in `required` that is probably a misspelt property",
    Overlap "W0009" "alternatives of a `oneOf` that match the same values, which are rejected",
    OtherSyntax "W0010" "a pattern with a POSIX character class, such as `[[:alpha:]]`, which has another meaning in ECMA-262",
    Closed "W0011" "an enum or a tagged union in a topic or a result that does not say whether values may be added",
}

impl Code {
    /// Returns `true` if only `fanfare lint` reports it; warnings do not prevent output.
    pub(crate) fn is_warning(self) -> bool {
        self.as_str().starts_with('W')
    }

    /// The address of the documentation.
    pub(crate) fn help(self) -> String {
        let page = concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/main/docs/diagnostics.md");
        format!("{page}#{}", self.as_str().to_lowercase())
    }
}

/// A message, its location, the reason, and how to fix it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Diagnostic {
    code: Code,
    message: String,
    target: Target,
    related: Option<(Location, String)>,
    note: Option<String>,
    help: Option<String>,
}

impl Diagnostic {
    fn new(code: Code, target: Target, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), target, related: None, note: None, help: None }
    }

    /// Underlines the value at a location.
    pub(crate) fn at(code: Code, location: &Location, message: impl Into<String>) -> Self {
        Self::new(code, Target::Value(location.clone()), message)
    }

    /// Underlines the key at a location.
    pub(crate) fn at_key(code: Code, location: &Location, message: impl Into<String>) -> Self {
        Self::new(code, Target::Key(location.clone()), message)
    }

    /// Underlines a span of bytes.
    pub(crate) fn at_span(
        code: Code,
        source: SourceId,
        span: Range<usize>,
        message: impl Into<String>,
    ) -> Self {
        Self::new(code, Target::Span(source, span), message)
    }

    /// Underlines the word that starts at a byte.
    pub(crate) fn at_byte(code: Code, source: SourceId, at: usize, message: impl Into<String>) -> Self {
        Self::new(code, Target::Byte(source, at), message)
    }

    /// Refers to a file or folder as a whole.
    pub(crate) fn about_path(code: Code, path: &Path, message: impl Into<String>) -> Self {
        Self::new(code, Target::Path(path.to_owned()), message)
    }

    /// Also underlines the key at a second location.
    pub(crate) fn related(mut self, location: &Location, label: impl Into<String>) -> Self {
        self.related = Some((location.clone(), label.into()));
        self
    }

    /// Replaces the code, if it is `from`.
    pub(crate) fn instead_of(mut self, from: Code, to: Code) -> Self {
        if self.code == from {
            self.code = to;
        }
        self
    }

    pub(crate) fn is_warning(&self) -> bool {
        self.code.is_warning()
    }

    pub(crate) fn code(&self) -> Code {
        self.code
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The location of the key or value that it underlines.
    pub(crate) fn location(&self) -> Option<&Location> {
        match &self.target {
            Target::Key(location) | Target::Value(location) => Some(location),
            Target::Span(..) | Target::Byte(..) | Target::Path(_) => None,
        }
    }

    /// Adds the reason.
    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// Adds how to fix it.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    fn render(&self, sources: &Sources, renderer: &Renderer) -> String {
        let excerpt = self.source().map(|source| Excerpt::of(sources.get(source), &self.target));
        let related = self.related.as_ref().map(|(location, label)| {
            (Excerpt::of(sources.get(location.source), &Target::Key(location.clone())), label)
        });
        let level = if self.code.is_warning() { Level::WARNING } else { Level::ERROR };
        let title = level.primary_title(&self.message).id(self.code.as_str());
        let mut group = match &excerpt {
            Some(excerpt) => Group::with_title(title).element(excerpt.snippet(AnnotationKind::Primary, None)),
            None => Group::with_title(title),
        };
        if let Target::Path(path) = &self.target {
            group = group.element(Origin::path(path.to_string_lossy()));
        }
        if let Some((excerpt, label)) = &related {
            group = group.element(excerpt.snippet(AnnotationKind::Context, Some(label.as_str())));
        }
        if let Some(note) = &self.note {
            group = group.element(Level::NOTE.message(note));
        }
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help));
        }
        renderer.render(&[group])
    }

    fn source(&self) -> Option<SourceId> {
        match &self.target {
            Target::Key(location) | Target::Value(location) => Some(location.source),
            Target::Span(source, _) | Target::Byte(source, _) => Some(*source),
            Target::Path(_) => None,
        }
    }
}

/// One line of a file and the part of it to underline.
struct Excerpt<'s> {
    path: String,
    line: &'s str,
    number: usize,
    span: Range<usize>,
}

impl<'s> Excerpt<'s> {
    fn of(source: &'s Source, target: &Target) -> Self {
        let span = source.span(target);
        let start = source.text[..span.start].rfind('\n').map_or(0, |at| at + 1);
        let end = source.text[start..].find('\n').map_or(source.text.len(), |at| start + at);
        let line = source.text[start..end].trim_end_matches('\r');
        let number = source.text[..start].matches('\n').count() + 1;
        let from = span.start - start;
        let to = (span.end - start).clamp(from, line.len().max(from));
        Self { path: source.path.display().to_string(), line, number, span: from..to }
    }

    fn snippet<'a>(
        &'a self,
        kind: AnnotationKind,
        label: Option<&'a str>,
    ) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
        Snippet::source(self.line)
            .line_start(self.number)
            .path(&self.path)
            .annotation(kind.span(self.span.clone()).label(label))
    }
}

/// All diagnostics of one compilation, with the texts that they refer to.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) sources: Sources,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Diagnostics that do not prevent output.
    pub(crate) warnings: Vec<Diagnostic>,
}

impl Report {
    /// Keeps only the warnings, without those about texts that are part of the compiler.
    pub(crate) fn into_warnings(self) -> Self {
        let Self { sources, warnings, .. } = self;
        let is_built_in = |location: &Location| sources.get(location.source).is_built_in;
        let own =
            warnings.into_iter().filter(|warning| !warning.location().is_some_and(is_built_in)).collect();
        Self { sources, diagnostics: own, warnings: Vec::new() }
    }

    /// Renders all diagnostics in the format of rustc, with colours for a terminal.
    pub(crate) fn render(&self, colours: bool) -> String {
        let renderer = if colours { Renderer::styled() } else { Renderer::plain() };
        let mut text = String::new();
        for diagnostic in &self.diagnostics {
            text.push_str(&diagnostic.render(&self.sources, &renderer));
            text.push_str("\n\n");
        }
        let count = self.diagnostics.len();
        let plural = if count == 1 { "" } else { "s" };
        let summary = if self.diagnostics.iter().all(Diagnostic::is_warning) {
            format!("{count} warning{plural}\n")
        } else {
            format!("{count} error{plural}; nothing was written\n")
        };
        text + &summary
    }
}

/// The candidate closest to a misspelt word, for "did you mean".
pub(crate) fn closest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    candidates
        .into_iter()
        .map(|candidate| {
            (strsim::damerau_levenshtein(&word.to_lowercase(), &candidate.to_lowercase()), candidate)
        })
        .filter(|(distance, candidate)| *distance <= candidate.len().max(3) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
