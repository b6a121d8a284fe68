//! Expressions of Rust tables, printed on one line where they fit.

/// The maximum width of a line.
const WIDTH: usize = 120;

/// A Rust expression.
pub(super) enum Expression {
    /// A path or a literal.
    Word(String),
    /// Items in brackets, such as the arguments of a call.
    Group {
        open: String,
        items: Vec<Expression>,
        close: &'static str,
        /// The width on one line.
        width: usize,
    },
}

impl Expression {
    pub(super) fn word(word: impl Into<String>) -> Self {
        Self::Word(word.into())
    }

    /// `function(argument, …)`
    pub(super) fn call(function: &str, arguments: Vec<Self>) -> Self {
        Self::group(format!("{function}("), arguments, ")")
    }

    /// `(item, …)`
    pub(super) fn tuple(items: Vec<Self>) -> Self {
        Self::call("", items)
    }

    /// `&[item, …]`
    pub(super) fn slice(items: Vec<Self>) -> Self {
        Self::group("&[".to_owned(), items, "]")
    }

    /// `name { field: value, …, ..name::ANY }`, or just `name::ANY` without fields.
    pub(super) fn any_with(name: &str, fields: Vec<(&str, Self)>) -> Self {
        let any = format!("{name}::ANY");
        if fields.is_empty() {
            return Self::Word(any);
        }
        let rest = [Self::Word(format!("..{any}"))];
        let fields = fields.into_iter().map(|(field, value)| value.after(&format!("{field}: ")));
        Self::group(format!("{name} {{ "), fields.chain(rest).collect(), " }")
    }

    /// `name { field: value, … }`
    pub(super) fn structure(name: &str, fields: Vec<(&str, Self)>) -> Self {
        let fields = fields.into_iter().map(|(field, value)| value.after(&format!("{field}: ")));
        Self::group(format!("{name} {{ "), fields.collect(), " }")
    }

    /// `Some(expression)`
    pub(super) fn some(self) -> Self {
        Self::call("Some", vec![self])
    }

    /// `&expression`
    pub(super) fn reference(self) -> Self {
        self.after("&")
    }

    fn group(open: String, items: Vec<Self>, close: &'static str) -> Self {
        let separators = 2 * items.len().saturating_sub(1);
        let width = open.len() + items.iter().map(Self::width).sum::<usize>() + separators + close.len();
        Self::Group { open, items, close, width }
    }

    fn after(self, prefix: &str) -> Self {
        match self {
            Self::Word(word) => Self::Word(format!("{prefix}{word}")),
            Self::Group { open, items, close, width } => {
                Self::Group { open: format!("{prefix}{open}"), items, close, width: width + prefix.len() }
            }
        }
    }

    fn width(&self) -> usize {
        match self {
            Self::Word(word) => word.len(),
            Self::Group { width, .. } => *width,
        }
    }

    /// Appends the expression to a line that has `used` columns and is indented by `indent`. `trailing` columns follow it.
    pub(super) fn print(&self, out: &mut String, indent: usize, used: usize, trailing: usize) {
        let Self::Group { open, items, close, width } = self else {
            let Self::Word(word) = self else { return };
            return out.push_str(word);
        };
        if used + width + trailing <= WIDTH || items.is_empty() {
            return self.print_flat(out);
        }
        if let Some((last, words)) = self.split_last() {
            let start = format!("{open}{words}");
            out.push_str(&start);
            last.print(out, indent, used + start.len(), trailing + close.len());
            return out.push_str(close);
        }
        out.push_str(open.trim_end());
        let inner = indent + 4;
        for item in items {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', inner));
            item.print(out, inner, inner, 1);
            // A comma may not follow the base of a struct.
            if !matches!(item, Self::Word(word) if word.starts_with("..")) {
                out.push(',');
            }
        }
        out.push('\n');
        out.extend(std::iter::repeat_n(' ', indent));
        out.push_str(close.trim_start());
    }

    /// Splits the only item in brackets that can break, with the words before it: `("name", &Rules {`.
    fn split_last(&self) -> Option<(&Self, String)> {
        let Self::Group { items, close: ")" | "]", .. } = self else { return None };
        let (last, words) = items.split_last()?;
        let words = words.iter().map(|item| match item {
            Self::Word(word) => Some(format!("{word}, ")),
            Self::Group { .. } => None,
        });
        matches!(last, Self::Group { .. })
            .then(|| words.collect::<Option<String>>())?
            .map(|words| (last, words))
    }

    fn print_flat(&self, out: &mut String) {
        match self {
            Self::Word(word) => out.push_str(word),
            Self::Group { open, items, close, .. } => {
                out.push_str(open);
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push_str(", ");
                    }
                    item.print_flat(out);
                }
                out.push_str(close);
            }
        }
    }
}
