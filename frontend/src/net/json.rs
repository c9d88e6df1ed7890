//! Reading what the agent sends, and writing what it is sent.
//!
//! serde makes a decoder for each pair of a type and a source. That of `serde_json` is large, since each type may come in
//! more than one shape and each mismatch has a sentence. This source has one shape for each type and no sentences, as nobody
//! reads them here: the text becomes a tree, and the tree becomes the value.

use std::fmt;

use porthole_protocol::control::ServerMessage;
use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error, IntoDeserializer, SeqAccess,
    VariantAccess, Visitor,
};
use serde::{Serialize, forward_to_deserialize_any};

use super::tree::{self, Json};

/// The text is not JSON, or not that of the type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this is not understood")
    }
}

impl std::error::Error for Unreadable {}

impl Error for Unreadable {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// Reads a value.
///
/// # Errors
/// When the text is not JSON, or not that of the type.
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T, Unreadable> {
    T::deserialize(tree::read(text).ok_or(Unreadable)?)
}

/// Writes a value whose keys are text, as those of all our types are. What could fail is not asked why: the words for it are long.
#[must_use]
pub fn write<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Reads a message of the agent's.
///
/// # Errors
/// As [`read`].
pub fn message(text: &str) -> Result<ServerMessage, Unreadable> {
    // What is derived, which takes an enum for what it is, and not the trait's function of the same name: that reads any source.
    ServerMessage::deserialize(tree::read(text).ok_or(Unreadable)?)
}

/// The text that an object holds under this name.
#[must_use]
pub fn field(text: &str, name: &str) -> Option<String> {
    let Some(Json::Object(fields)) = tree::read(text) else { return None };
    let value = fields.into_iter().find(|(known, _)| known == name)?.1;
    if let Json::Text(value) = value { Some(value) } else { None }
}

impl IntoDeserializer<'_, Unreadable> for Json {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Json {
    type Error = Unreadable;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        match self {
            Self::Null => visitor.visit_unit(),
            Self::Bool(value) => visitor.visit_bool(value),
            Self::Unsigned(value) => visitor.visit_u64(value),
            Self::Signed(value) => visitor.visit_i64(value),
            Self::Fraction => Err(Unreadable),
            Self::Text(value) => visitor.visit_string(value),
            Self::List(list) => visitor.visit_seq(SeqDeserializer::new(list.into_iter())),
            Self::Object(object) => visitor.visit_map(MapDeserializer::new(object.into_iter())),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        let Self::Bool(value) = self else { return Err(Unreadable) };
        visitor.visit_bool(value)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        let Self::Unsigned(value) = self else { return Err(Unreadable) };
        visitor.visit_u64(value)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        self.deserialize_u64(visitor)
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        self.deserialize_u64(visitor)
    }

    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        self.deserialize_u64(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        let Self::Text(value) = self else { return Err(Unreadable) };
        visitor.visit_string(value)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        self.deserialize_string(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        match self {
            Self::Text(value) => visitor.visit_enum(value.into_deserializer()),
            // Its first key, `type`, names the variant.
            Self::Object(object) => visitor.visit_enum(Variant(object)),
            _ => Err(Unreadable),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        match self {
            Self::Null => visitor.visit_none(),
            some => visitor.visit_some(some),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        let Self::List(list) = self else { return Err(Unreadable) };
        visitor.visit_seq(SeqDeserializer::new(list.into_iter()))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Unreadable> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        let Self::Object(object) = self else { return Err(Unreadable) };
        visitor.visit_map(MapDeserializer::new(object.into_iter()))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        let Self::Object(object) = self else { return Err(Unreadable) };
        visitor.visit_seq(Fields { object, names: names.iter() })
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! { i8 i16 i32 i64 i128 u128 f32 f64 char str bytes byte_buf unit unit_struct newtype_struct tuple_struct }
}

/// An object's values in the order of a type's fields. A value that is missing is none, and the next one may be there again: what
/// is derived then takes the default where there is one, and fails where there is none. To go through the keys as they come takes
/// three times the code.
struct Fields {
    object: Vec<(String, Json)>,
    names: std::slice::Iter<'static, &'static str>,
}

impl<'de> SeqAccess<'de> for Fields {
    type Error = Unreadable;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Unreadable> {
        match self.next() {
            Some(value) => seed.deserialize(value).map(Some),
            None => Ok(None),
        }
    }
}

impl Fields {
    fn next(&mut self) -> Option<Json> {
        let name = self.names.next()?;
        let at = self.object.iter().position(|(known, _)| known == name)?;
        Some(self.object.swap_remove(at).1)
    }
}

/// An object whose first key names a variant.
struct Variant(Vec<(String, Json)>);

impl<'de> EnumAccess<'de> for Variant {
    type Error = Unreadable;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(mut self, seed: S) -> Result<(S::Value, Self), Unreadable> {
        if self.0.first().is_none_or(|(key, _)| key != "type") {
            return Err(Unreadable);
        }
        let (_, tag) = self.0.swap_remove(0);
        Ok((seed.deserialize(tag)?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant {
    type Error = Unreadable;

    fn unit_variant(self) -> Result<(), Unreadable> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Unreadable> {
        seed.deserialize(Json::Object(self.0))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Unreadable> {
        Err(Unreadable)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        visitor.visit_seq(Fields { object: self.0, names: names.iter() })
    }
}

#[cfg(test)]
mod tests {
    use porthole_protocol::files::{FileEntry, FileKind};
    use porthole_protocol::http::{ContainerState, ContainerSummary, Exit};

    use super::*;

    #[test]
    fn a_message_reads_as_any_json_reader_reads_it() {
        for text in [
            r#"{"type":"pong","nonce":18446744073709551615}"#,
            r#"{"type":"images","images":[]}"#,
            r#"{"type":"error","error":{"code":"not_found","message":"Gone.","hint":""},"since":-1.5}"#,
            r#"{"type":"of a newer agent","with":{"more":[null,true]}}"#,
        ] {
            let any = serde_json::from_str::<ServerMessage>(text).expect("a message");
            assert_eq!(message(text), Ok(any), "{text}");
        }
    }

    #[test]
    fn every_kind_of_field_survives() {
        let exit = Exit { code: 137, signal: Some(9), out_of_memory: true };
        let summary = ContainerSummary {
            id: "0001abcdefff".parse().expect("twelve digits"),
            name: "web".into(),
            image: "busybox".into(),
            created_ms: u64::MAX,
            state: ContainerState::Exited(exit),
            processes: Vec::new(),
            start_micros: 0,
            expires_ms: None,
            session: None,
            size: None,
            why: None,
            published: Vec::new(),
        };
        let entry = FileEntry {
            name: "caf\u{e9} \"1\"".into(),
            kind: FileKind::Symlink,
            bytes: 0,
            mode: 0o777,
            uid: 0,
            gid: u32::MAX,
            modified_ms: -1,
            target: Some("..".into()),
            layer: 3,
            change: None,
        };
        let text = serde_json::to_string(&(&summary, &entry)).expect("JSON");
        assert_eq!(read(&text), Ok((summary, entry)));
    }

    #[test]
    fn every_frozen_message_reads_as_any_json_reader_reads_it() {
        let frozen: serde_json::Value =
            serde_json::from_str(include_str!("../../../shared/schema/gen-1.json")).expect("JSON");
        let messages = frozen["server"].as_array().expect("the agent's messages");
        for fields in messages {
            let mut fields = fields.as_object().expect("a message is an object").clone();
            let tag = fields.remove("type").expect("a message has a type");
            let rest = serde_json::to_string(&fields).expect("JSON");
            let comma = if fields.is_empty() { "" } else { "," };
            let text = format!("{{\"type\":{tag}{comma}{}", &rest[1..]);
            let any = serde_json::from_str::<ServerMessage>(&text).expect("a message");
            assert_ne!(any, ServerMessage::Unknown, "{text}");
            assert_eq!(message(&text), Ok(any), "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_is_unreadable() {
        for text in [
            "",
            "{",
            "[1]",
            r#"{"type":"pong"}"#,
            r#"{"type":"pong","nonce":-1}"#,
            r#"{"type":"pong","nonce":"1"}"#,
            r#"{"nonce":1,"type":"pong"}"#,
        ] {
            assert_eq!(message(text), Err(Unreadable), "{text}");
        }
    }
}
