//! `docs/model.schema.json` says what the loader says.

use std::collections::BTreeSet;

use serde_json::Value;
use tillwatch_records::Typology;
use tillwatch_scoring::{InputScope, ModelFiles, ModelKinds};

use crate::{read, root};

/// Kinds that only some builds have.
const OPTIONAL_KINDS: [&str; 1] = ["onnx"];

fn schema() -> Value {
    serde_json::from_str(&read(&root().join("docs/model.schema.json"))).expect("JSON")
}

/// What the loader says of a model.toml that starts as it should and goes on with `text`.
fn refusal(text: &str) -> String {
    let head = "name = \"x\"\nversion = \"1\"\nkind = \"logistic\"\nartefact = \"x\"\n";
    let files = ModelFiles {
        description: format!("{head}{text}"),
        ..ModelFiles::default()
    };
    let loaded = ModelKinds::standard().load(&files, &InputScope::default());
    loaded.expect_err("it is refused").to_string()
}

/// The names that a refusal of the unknown name `nope` lists as known.
fn known(text: &str) -> BTreeSet<String> {
    let message = refusal(text);
    let (_, known) = message
        .split_once("`nope`, expected ")
        .unwrap_or_else(|| panic!("{text}: {message}"));
    let known = known.split("; did you mean").next().unwrap_or_default();
    known
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// The keys of the object that `pointer` leads to in the schema.
fn keys(schema: &Value, pointer: &str) -> BTreeSet<String> {
    let table = schema
        .pointer(pointer)
        .unwrap_or_else(|| panic!("{pointer}"));
    assert_eq!(table["additionalProperties"], false, "{pointer}");
    let properties = table["properties"].as_object().expect("properties");
    properties.keys().cloned().collect()
}

fn names(schema: &Value, pointer: &str) -> BTreeSet<String> {
    let list = schema.pointer(pointer).and_then(Value::as_array);
    let list = list.unwrap_or_else(|| panic!("{pointer} is no list"));
    let names = list.iter().filter_map(Value::as_str);
    names.map(str::to_owned).collect()
}

#[test]
fn the_schema_has_the_keys_of_every_table() {
    let schema = schema();
    let reason = "[[reasons]]\nfeature = \"a\"\ncode = \"A\"\nseverity = \"info\"\n";
    for (pointer, text) in [
        ("", "nope = 1"),
        ("/properties/output", "[output]\nname = \"a\"\nnope = 1"),
        (
            "/properties/ensemble",
            "[ensemble]\nmethod = \"max\"\nnope = 1",
        ),
        (
            "/properties/ensemble/properties/member/items",
            "[ensemble]\nmethod = \"max\"\n[[ensemble.member]]\nmodel = \"a\"\nnope = 1",
        ),
        ("/properties/reasons/items", &format!("{reason}nope = 1")),
    ] {
        assert_eq!(keys(&schema, pointer), known(text), "{pointer}");
    }
    // The method, by which the table is chosen, is not among those that the loader lists.
    for (position, text) in [
        "[calibration]\nmethod = \"platt\"\nslope = 1\nintercept = 0\nnope = 1",
        "[calibration]\nmethod = \"isotonic\"\nraw = [0]\nprobability = [0]\nnope = 1",
    ]
    .into_iter()
    .enumerate()
    {
        let mut known = known(text);
        known.insert("method".to_owned());
        let pointer = format!("/properties/calibration/oneOf/{position}");
        assert_eq!(keys(&schema, &pointer), known);
    }
}

#[test]
fn the_schema_has_the_names_of_every_enumeration() {
    let schema = schema();
    let reason = "[[reasons]]\nfeature = \"a\"\ncode = \"A\"\n";
    for (pointer, text) in [
        (
            "/properties/output/properties/is/enum",
            "[output]\nname = \"a\"\nis = \"nope\"",
        ),
        (
            "/properties/ensemble/properties/method/enum",
            "[ensemble]\nmethod = \"nope\"",
        ),
        (
            "/properties/reasons/items/properties/severity/enum",
            &format!("{reason}severity = \"nope\""),
        ),
    ] {
        assert_eq!(names(&schema, pointer), known(text), "{pointer}");
    }
    let methods = known("[calibration]\nmethod = \"nope\"");
    let tables = schema["properties"]["calibration"]["oneOf"].as_array();
    let tables = tables.expect("tables").len();
    let listed = (0..tables).flat_map(|position| {
        names(
            &schema,
            &format!("/properties/calibration/oneOf/{position}/properties/method/enum"),
        )
    });
    assert_eq!(listed.collect::<BTreeSet<_>>(), methods);
    let typologies = Typology::ALL.map(|typology| typology.as_str().to_owned());
    assert_eq!(
        names(
            &schema,
            "/properties/reasons/items/properties/typology/enum"
        ),
        typologies.into()
    );
    let registry = ModelKinds::standard();
    let kinds = registry.names().chain(["ensemble"]).chain(OPTIONAL_KINDS);
    let kinds: BTreeSet<String> = kinds.map(str::to_owned).collect();
    assert_eq!(names(&schema, "/properties/kind/enum"), kinds);
}

#[test]
fn the_schema_takes_every_shipped_model_and_refuses_what_the_loader_refuses() {
    let schema = schema();
    let mut seen = 0;
    for parent in ["models", "examples/handbook", "examples/job-w"] {
        for entry in std::fs::read_dir(root().join(parent)).expect("a directory") {
            let path = entry.expect("an entry").path().join("model.toml");
            if path.exists() {
                let value = parsed(&read(&path));
                let found = validate(&schema, &value, "model.toml");
                assert_eq!(found, Ok(()), "{}", path.display());
                seen += 1;
            }
        }
    }
    assert!(seen >= 4, "{seen} models");
    let head = "name = \"x\"\nversion = \"1\"\nkind = \"logistic\"\n";
    for wrong in [
        "nope = 1",
        "inputs = \"a\"",
        "[output]\nname = \"a\"\ncolumn = -1",
        "[calibration]\nmethod = \"platt\"\nslope = 0\nintercept = 1",
        "[[reasons]]\ncode = \"A\"\nfeature = \"a\"",
    ] {
        let value = parsed(&format!("{head}{wrong}"));
        assert!(validate(&schema, &value, "").is_err(), "{wrong}");
        refusal(wrong);
    }
}

fn parsed(text: &str) -> Value {
    let table: toml::Table = text.parse().expect("TOML");
    serde_json::to_value(table).expect("a table is an object")
}

/// Whether `value` is what `schema` says, as far as the keywords go that the schema uses; one that it
/// does not know fails the test.
fn validate(schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("{at}: {value} {what}"));
    for (keyword, bound) in schema.as_object().expect("a schema") {
        let number = || bound.as_f64().expect("a bound");
        let length = || value.as_array().map_or(0, Vec::len) as f64;
        let fits = match keyword.as_str() {
            "$schema" | "title" | "description" | "additionalProperties" => true,
            "type" => match bound.as_str() {
                Some("object") => value.is_object(),
                Some("array") => value.is_array(),
                Some("string") => value.is_string(),
                Some("number") => value.is_number(),
                Some("integer") => value.is_i64() || value.is_u64(),
                other => panic!("type {other:?}"),
            },
            "enum" => bound.as_array().expect("a list").contains(value),
            "minLength" => value.as_str().unwrap_or_default().len() as f64 >= number(),
            "minItems" => length() >= number(),
            "maxItems" => length() <= number(),
            "uniqueItems" => {
                let items = value.as_array().expect("items");
                (0..items.len()).all(|position| !items[..position].contains(&items[position]))
            }
            "minimum" => value.as_f64().is_some_and(|v| v >= number()),
            "maximum" => value.as_f64().is_some_and(|v| v <= number()),
            "exclusiveMinimum" => value.as_f64().is_some_and(|v| v > number()),
            "required" => {
                let keys = bound
                    .as_array()
                    .expect("keys")
                    .iter()
                    .filter_map(Value::as_str);
                keys.into_iter().all(|key| value.get(key).is_some())
            }
            "oneOf" => {
                let each = bound.as_array().expect("schemas").iter();
                each.filter(|each| validate(each, value, at).is_ok())
                    .count()
                    == 1
            }
            "items" => {
                for item in value.as_array().into_iter().flatten() {
                    validate(bound, item, at)?;
                }
                true
            }
            "properties" => {
                for (key, item) in value.as_object().into_iter().flatten() {
                    match bound.get(key) {
                        Some(schema) => validate(schema, item, &format!("{at}.{key}"))?,
                        None => return wrong(&format!("has the key `{key}`")),
                    }
                }
                true
            }
            other => panic!("unknown keyword {other}"),
        };
        if !fits {
            return wrong(&format!("is not as `{keyword}` says: {bound}"));
        }
    }
    Ok(())
}
