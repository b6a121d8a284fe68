//! The macros that generated code calls. They expand to as little code as possible, because a project may have a
//! thousand types. Their code may use deprecated types and fields: only code that users write should be warned about. Functions in [`private`](super::private) do the rest.

mod alternatives;

/// Makes a struct a payload: an object with named properties.
///
/// ```
/// use fanfare::schema::{Additional, Integer, Object, Property, Schema, Text};
///
/// struct Status {
///     message: String,
///     progress: u8,
///     step: Option<String>,
/// }
///
/// static STATUS: Schema = Schema::Object(Object {
///     properties: &[
///         Property::Required("kind", &Schema::Enum(&["status"])),
///         Property::Required("message", &Schema::Text(Text::ANY)),
///         Property::Required("progress", &Schema::Integer(Integer::ANY)),
///         Property::Optional("step", &Schema::Text(Text::ANY)),
///     ],
///     additional: Additional::Ignored,
/// });
///
/// fanfare::object!(Status: STATUS {
///     "kind" = "status",
///     "message" => message into String,
///     "progress" => progress: u8,
///     "step" => step?,
/// });
///
/// let status = Status { step: Some("search".into()), ..Status::new("Researching", 50) };
/// assert_eq!(
///     serde_json::to_string(&status).unwrap(),
///     r#"{"kind":"status","message":"Researching","progress":50,"step":"search"}"#,
/// );
/// ```
///
/// - `"name" => field: T` is required, and an argument of `new`, which the macro adds if there is one. If the field is an
///   `Option`, the property is nullable. `field: T => boxed` is a `Box<T>`, and `field: Option<T> => boxed_content` is an
///   `Option<Box<T>>`.
/// - `"name" => field into T` is the same with an argument `impl Into<T>`.
/// - `"name" => field?` is optional: the field is an `Option`, and left out if it is `None`. A property that is
///   optional and nullable is an `Option<Option<T>>`.
/// - `"name" = literal` has no field.
/// - `.. field`, at the end, is a `BTreeMap` of all other properties.
#[doc(hidden)]
#[macro_export]
macro_rules! object {
    ($type:ident: $schema:path {
        $($name:literal $(= $constant:expr)? $(=> $field:ident $(? $($optional:lifetime)?)?)?),*
        $(, .. $rest:ident)? $(,)?
    }) => {
        #[allow(deprecated)]
        impl $crate::Decode for $type {
            fn from_value(
                value: $crate::__private::Value,
            ) -> ::core::result::Result<Self, $crate::ShapeError> {
                #[allow(unused_variables)]
                let declared: &[&str] = &[$($name),*];
                #[allow(unused_mut, unused_variables)]
                let mut members = $crate::__private::Members::from_value(value)?;
                ::core::result::Result::Ok(Self {
                    $($(
                        $field: members.take($name)$(.optional($($optional)?))?.read()?,
                    )?)*
                    $($rest: members.read_additional(declared)?,)?
                })
            }

            fn read_json(
                reader: &mut $crate::__private::JsonReader<'_>,
                schema: &'static $crate::__private::Schema,
            ) -> ::core::result::Result<Self, $crate::__private::Unread> {
                #[allow(unused_variables)]
                let declared: &[&str] = &[$($name),*];
                let ::core::option::Option::Some(mut members) = reader.object(schema)? else {
                    return $crate::__private::read_tree(reader, schema);
                };
                $($(let mut $field = ::core::option::Option::None;)?)*
                $(let mut $rest = ::std::collections::BTreeMap::new();)?
                while let ::core::option::Option::Some(member) = members.next(reader)? {
                    match &*member.name {
                        $($($name => $crate::__private::read_field(reader, member.schema, &mut $field),)?)*
                        $(name if !declared.contains(&name) => {
                            $crate::__private::read_other(reader, member, &mut $rest)
                        })?
                        _ => reader.check(member.schema),
                    }?;
                }
                ::core::result::Result::Ok(Self {
                    $($($field: $crate::__private::ReadField($field)$(.optional($($optional)?))?.finish()?,)?)*
                    $($rest,)?
                })
            }
        }

        $crate::payload!($type: $schema, |self, serializer| {
            #[allow(unused_mut)]
            let mut object = serializer.serialize_map(::core::option::Option::None)?;
            $(
                $($crate::__private::Field(&$constant).write(&mut object, $name)?;)?
                $($crate::__private::Field(&self.$field)
                    $(.optional($($optional)?))?
                    .write(&mut object, $name)?;)?
            )*
            $($crate::__private::write_additional(&self.$rest, &mut object)?;)?
            $crate::__private::SerializeMap::end(object)
        });
    };
    // With the types of required fields.
    ($type:ident: $schema:path {
        $($name:literal $(= $constant:expr)?
            $(=> $field:ident $(? $($optional:lifetime)?)? $(into $into:ty)? $(: $argument:ty $(=> $box:ident)?)?)?),*
        $(, .. $rest:ident)? $(,)?
    }) => {
        #[allow(deprecated)]
        impl $type {
            /// Returns a value with these properties. All others are absent.
            #[allow(clippy::too_many_arguments)]
            #[inline]
            #[must_use]
            pub fn new($($(
                $($field: impl ::core::convert::Into<$into>,)?
                $($field: $argument,)?
            )?)*) -> Self {
                Self {
                    $($(
                        $field: $(::core::convert::Into::<$into>::into($field))?
                            $($($crate::__private::$box)? (::core::convert::identity::<$argument>($field)))?
                            $($($optional)? ::core::option::Option::None)?,
                    )?)*
                    $($rest: ::core::default::Default::default(),)?
                }
            }
        }

        $crate::object!($type: $schema {
            $($name $(= $constant)? $(=> $field $(? $($optional)?)?)?),* $(, .. $rest)?
        });
    };
}

/// Makes an enum a payload: one of several strings. With `.. Other`, that variant holds any other string.
///
/// ```
/// use fanfare::schema::{Schema, Text};
///
/// #[derive(Debug, PartialEq)]
/// enum Step {
///     Research,
///     Write,
///     Other(String),
/// }
///
/// static STEP: Schema = Schema::Text(Text::ANY);
/// fanfare::string_enum!(Step: STEP { Research = "research", Write = "write", .. Other });
///
/// assert_eq!("write".parse(), Ok(Step::Write));
/// assert_eq!(Step::Other("publish".into()).as_str(), "publish");
/// ```
#[doc(hidden)]
#[macro_export]
macro_rules! string_enum {
    ($type:ident: $schema:path {
        $($variant:ident = $name:literal),* $(, .. $other:ident)? $(,)?
    }) => {
        #[allow(deprecated)]
        impl $type {
            /// The text in JSON.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $name,)*
                    $(Self::$other(text) => text,)?
                }
            }
        }

        #[allow(deprecated)]
        impl ::core::fmt::Display for $type {
            fn fmt(&self, formatter: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                formatter.pad(self.as_str())
            }
        }

        #[allow(deprecated)]
        impl ::core::str::FromStr for $type {
            type Err = $crate::ValidationError;

            fn from_str(text: &str) -> ::core::result::Result<Self, $crate::ValidationError> {
                ::core::result::Result::Ok(match text {
                    $($name => Self::$variant,)*
                    $(_ => Self::$other(text.to_owned()),)?
                    #[allow(unreachable_patterns)]
                    _ => return ::core::result::Result::Err(
                        $crate::__private::unknown_variant(&$schema, text),
                    ),
                })
            }
        }

        #[allow(deprecated)]
        impl $crate::Decode for $type {
            fn from_value(
                value: $crate::__private::Value,
            ) -> ::core::result::Result<Self, $crate::ShapeError> {
                $crate::__private::read_text(value)
            }

            fn read_json(
                reader: &mut $crate::__private::JsonReader<'_>,
                schema: &'static $crate::__private::Schema,
            ) -> ::core::result::Result<Self, $crate::__private::Unread> {
                $crate::__private::read_json_text(reader, schema)
            }
        }

        $crate::payload!($type: $schema, |self, serializer| serializer.serialize_str(self.as_str()));
    };
}

/// Makes `struct Name(String)` a payload: a string within limits. The type guarantees the limits.
///
/// ```
/// use fanfare::schema::{Schema, Text};
///
/// #[derive(Debug)]
/// pub struct Title(String);
///
/// static TITLE: Schema = Schema::Text(Text { max_length: 5, ..Text::ANY });
/// fanfare::newtype!(Title: TITLE (String));
///
/// assert_eq!(&*Title::try_from("Dune").unwrap(), "Dune");
/// let error = Title::try_from("Ulysses").unwrap_err();
/// assert_eq!(error.to_string(), r#"the value must have at most 5 characters, got "Ulysses""#);
/// ```
#[doc(hidden)]
#[macro_export]
macro_rules! newtype {
    ($type:ident: $($schema:ident)::+ (String)) => {
        #[allow(deprecated)]
        impl ::core::convert::TryFrom<::std::string::String> for $type {
            type Error = $crate::ValidationError;

            fn try_from(
                text: ::std::string::String,
            ) -> ::core::result::Result<Self, $crate::ValidationError> {
                $crate::__private::check_text(&$($schema)::+, &text)?;
                ::core::result::Result::Ok(Self(text))
            }
        }

        #[allow(deprecated)]
        impl ::core::convert::TryFrom<&str> for $type {
            type Error = $crate::ValidationError;

            fn try_from(text: &str) -> ::core::result::Result<Self, $crate::ValidationError> {
                Self::try_from(text.to_owned())
            }
        }

        #[allow(deprecated)]
        impl ::core::str::FromStr for $type {
            type Err = $crate::ValidationError;

            fn from_str(text: &str) -> ::core::result::Result<Self, $crate::ValidationError> {
                Self::try_from(text.to_owned())
            }
        }

        #[allow(deprecated)]
        impl ::core::convert::From<$type> for ::std::string::String {
            fn from(text: $type) -> Self {
                text.0
            }
        }

        #[allow(deprecated)]
        impl ::core::convert::AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        #[allow(deprecated)]
        impl ::core::ops::Deref for $type {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        #[allow(deprecated)]
        impl ::core::fmt::Display for $type {
            fn fmt(&self, formatter: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                formatter.pad(&self.0)
            }
        }

        $crate::wrapper!($type: $($schema)::+);
    };
}

/// Makes a struct with one unnamed field a payload. Its JSON is the field's JSON.
///
/// ```
/// use fanfare::schema::{Array, Schema};
///
/// #[derive(Debug, PartialEq)]
/// pub struct Tree(pub Vec<Tree>);
///
/// static TREE: Schema =
///     Schema::Array(Array { items: &TREE, min_items: 0, max_items: u32::MAX });
/// fanfare::wrapper!(Tree: TREE);
///
/// let tree: Tree = fanfare::decode(b"[[], [[]]]").unwrap();
/// assert_eq!(tree.0.len(), 2);
/// ```
#[doc(hidden)]
#[macro_export]
macro_rules! wrapper {
    ($type:ident: $schema:path) => {
        #[allow(deprecated)]
        impl $crate::Decode for $type {
            fn from_value(
                value: $crate::__private::Value,
            ) -> ::core::result::Result<Self, $crate::ShapeError> {
                ::core::result::Result::Ok(Self($crate::Decode::from_value(value)?))
            }

            fn read_json(
                reader: &mut $crate::__private::JsonReader<'_>,
                schema: &'static $crate::__private::Schema,
            ) -> ::core::result::Result<Self, $crate::__private::Unread> {
                ::core::result::Result::Ok(Self($crate::Decode::read_json(reader, schema)?))
            }
        }

        $crate::payload!($type: $schema, |self, serializer| {
            $crate::__private::Serialize::serialize(&self.0, serializer)
        });
    };
}

/// The impls that all payloads share, with the body of `serialize`.
#[doc(hidden)]
#[macro_export]
macro_rules! payload {
    ($type:ident: $schema:path, |$self:ident, $serializer:ident| $body:expr) => {
        #[allow(deprecated)]
        impl $crate::__private::Serialize for $type {
            fn serialize<S: $crate::__private::Serializer>(
                &$self,
                $serializer: S,
            ) -> ::core::result::Result<S::Ok, S::Error> {
                $body
            }
        }

        #[allow(deprecated)]
        impl $crate::Payload for $type {
            const SCHEMA: &'static $crate::__private::Schema = &$schema;
        }

        #[allow(deprecated)]
        impl<'de> $crate::__private::Deserialize<'de> for $type {
            fn deserialize<D: $crate::__private::Deserializer<'de>>(
                deserializer: D,
            ) -> ::core::result::Result<Self, D::Error> {
                $crate::__private::deserialize(deserializer)
            }
        }
    };
}
