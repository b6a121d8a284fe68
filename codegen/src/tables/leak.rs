//! Values that live as long as `static`s.

pub(crate) fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

pub(crate) fn leak_text(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

pub(crate) fn leak_slice<T>(values: Vec<T>) -> &'static [T] {
    Box::leak(values.into_boxed_slice())
}

pub(crate) fn leak_texts(texts: &[String]) -> &'static [&'static str] {
    leak_slice(texts.iter().map(|text| leak_text(text)).collect())
}
