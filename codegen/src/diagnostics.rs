//! Diagnostics: what is wrong with a definition, where, and how to fix it.
//!
//! The other modules refer to a location by its path in the document. The line and column are looked up only when a
//! diagnostic is rendered.

mod codes;
mod machine;
mod spans;

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

pub(crate) use codes::Code;
pub(crate) use spans::{Spans, position};

/// The text of a definition file, kept to render diagnostics.
#[derive(Debug)]
pub(crate) struct Source {
    /// The path as the user wrote it.
    pub(crate) path: PathBuf,
    pub(crate) text: Arc<str>,
    /// The file of the current definitions, if the text is that of an earlier version and the file still exists. `path` is
    /// then a label, such as `main:schemas/news.yaml`.
    current: Option<PathBuf>,
    is_of_version: bool,
    /// The text is part of the compiler, and the path is its URI.
    is_built_in: bool,
    spans: Arc<Spans>,
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
    pub(crate) fn add(&mut self, path: PathBuf, text: Arc<str>) -> SourceId {
        self.push(path, text, false)
    }

    /// Adds a text that is part of the compiler.
    pub(crate) fn add_built_in(&mut self, uri: &str, text: &str) -> SourceId {
        self.push(PathBuf::from(uri), text.into(), true)
    }

    fn push(&mut self, path: PathBuf, text: Arc<str>, is_built_in: bool) -> SourceId {
        let (current, spans) = (None, Arc::default());
        self.0.push(Source { path, text, current, is_of_version: false, is_built_in, spans });
        SourceId(self.0.len() - 1)
    }

    /// Replaces a folder in the paths of the files by a name such as `main:`. `current` finds the file of the current
    /// definitions for a path.
    pub(crate) fn relabel(&mut self, folder: &Path, name: &str, current: impl Fn(&Path) -> Option<PathBuf>) {
        for source in &mut self.0 {
            if let Ok(path) = source.path.strip_prefix(folder) {
                (source.current, source.is_of_version) = (current(&source.path), true);
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
    pub(crate) fn locate(&mut self, id: SourceId, spans: Arc<Spans>) {
        self.0[id.0].spans = spans;
    }

    pub(crate) fn spans(&self, id: SourceId) -> Arc<Spans> {
        Arc::clone(&self.0[id.0].spans)
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
