//! Holds requests to a description of a REST API (OpenAPI 3.0). The descriptions of GitHub and Render lie beside the repository, where they are
//! at hand at all; without them nothing is held to anything here, and the models are as strict as they are by themselves.

use super::call::Call;
use serde_json::{Map, Value, json};
use std::path::Path;
use std::sync::{LazyLock, OnceLock};

/// GitHub's description: some of its paths.
pub(crate) static GITHUB: LazyLock<Api> =
    LazyLock::new(|| Api::beside("github-openapi-trimmed.json", "", Paths::Some));

/// Render's description: all of its paths, which begin with `/v1`.
pub(crate) static RENDER: LazyLock<Api> =
    LazyLock::new(|| Api::beside("render-openapi.json", "/v1", Paths::All));

/// Parameters that can hold slashes.
const LONG: &[&str] = &["{ref}", "{basehead}"];

/// How deep schemas are followed: some hold themselves.
const DEPTH: usize = 24;

/// Parameters that GitHub takes and its description leaves out: both lists are paged, as their Link headers say.
const LEFT_OUT: &[(&str, &str)] = &[
    ("/repos/{owner}/{repo}/git/matching-refs/{ref}", "per_page"),
    (
        "/users/{username}/packages/{package_type}/{package_name}/versions",
        "page",
    ),
    (
        "/users/{username}/packages/{package_type}/{package_name}/versions",
        "per_page",
    ),
    (
        "/users/{username}/packages/{package_type}/{package_name}/versions",
        "state",
    ),
];

const METHODS: &[&str] = &["get", "post", "put", "patch", "delete"];

/// How much of an API a description describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Paths {
    All,
    Some,
}

/// An API.
#[derive(Debug)]
pub(crate) struct Api {
    base: &'static str,
    paths: Paths,
    document: Value,
    places: Vec<Place>,
}

/// A method of a path, which is read when somebody asks for it.
#[derive(Debug)]
struct Place {
    method: &'static str,
    path: String,
    operation: OnceLock<Operation>,
}

/// What may be asked of a method of a path.
#[derive(Debug)]
struct Operation {
    parameters: Vec<Parameter>,
    body: Option<Body>,
}

#[derive(Debug)]
struct Parameter {
    name: String,
    is_required: bool,
    kind: Option<String>,
    schema: jsonschema::Validator,
}

#[derive(Debug)]
struct Body {
    is_required: bool,
    /// The fields, where no others are described.
    fields: Option<Vec<String>>,
    schema: jsonschema::Validator,
}

impl Api {
    fn beside(name: &str, base: &'static str, paths: Paths) -> Self {
        let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
        match std::fs::read(place.join(name)) {
            Ok(bytes) => {
                let document = serde_json::from_slice(&bytes).expect("a description is JSON");
                Self::read(document, base, paths)
            }
            Err(_) => Self::read(Value::Null, base, Paths::Some),
        }
    }

    fn read(document: Value, base: &'static str, paths: Paths) -> Self {
        let mut places = Vec::new();
        for (path, item) in document["paths"].as_object().into_iter().flatten() {
            let methods = METHODS.iter().filter(|method| item.get(**method).is_some());
            places.extend(methods.map(|method| Place {
                method,
                path: path.clone(),
                operation: OnceLock::new(),
            }));
        }
        Self {
            base,
            paths,
            document,
            places,
        }
    }

    /// What of a request is not described.
    pub(crate) fn faults(&self, call: &Call) -> Vec<String> {
        let Some(path) = call.path.strip_prefix(self.base) else {
            return Vec::new();
        };
        let segments: Vec<&str> = path.split('/').collect();
        let mut fitting: Vec<&Place> = self
            .places
            .iter()
            .filter(|place| place.fits(&segments))
            .collect();
        let most = fitting.iter().map(|place| place.literals()).max();
        fitting.retain(|place| Some(place.literals()) == most);
        if fitting.is_empty() {
            return match self.paths {
                Paths::All => vec![format!("no such path is described: {}", call.line())],
                Paths::Some => Vec::new(),
            };
        }
        let method = call.method.to_lowercase();
        match fitting.iter().find(|place| place.method == method) {
            Some(place) => place
                .operation
                .get_or_init(|| place.read(&self.document))
                .faults(call, &place.path),
            None => vec![format!("no such method is described: {}", call.line())],
        }
    }
}

impl Place {
    fn segments(&self) -> impl Iterator<Item = &str> {
        self.path.split('/')
    }

    fn fits(&self, segments: &[&str]) -> bool {
        let own: Vec<&str> = self.segments().collect();
        let is_as_long = if own.last().is_some_and(|last| LONG.contains(last)) {
            segments.len() >= own.len()
        } else {
            segments.len() == own.len()
        };
        let mut pairs = own.iter().zip(segments);
        is_as_long && pairs.all(|(own, segment)| own.starts_with('{') || own == segment)
    }

    /// How many of its segments are no parameters: of two that fit, the one with more is meant.
    fn literals(&self) -> usize {
        self.segments()
            .filter(|part| !part.starts_with('{'))
            .count()
    }

    fn read(&self, document: &Value) -> Operation {
        let item = &document["paths"][&self.path];
        let operation = &item[self.method];
        let parameters = [&item["parameters"], &operation["parameters"]]
            .into_iter()
            .filter_map(Value::as_array)
            .flatten()
            .map(|parameter| inlined(document, parameter, DEPTH))
            .filter(|parameter| parameter["in"] == "query")
            .map(|parameter| Parameter::read(&parameter))
            .collect();
        let body = operation
            .get("requestBody")
            .map(|body| Body::read(&inlined(document, body, DEPTH)));
        Operation { parameters, body }
    }
}

impl Operation {
    fn faults(&self, call: &Call, path: &str) -> Vec<String> {
        let mut faults = Vec::new();
        let given = call.parameters();
        for (name, value) in &given {
            match self.parameters.iter().find(|known| known.name == *name) {
                Some(parameter) => faults.extend(parameter.fault(value)),
                None if LEFT_OUT.contains(&(path, name)) => {}
                None => faults.push(format!("the parameter {name} is not described")),
            }
        }
        for parameter in self.parameters.iter().filter(|known| known.is_required) {
            if !given.iter().any(|(name, _)| *name == parameter.name) {
                faults.push(format!("the parameter {} is missing", parameter.name));
            }
        }
        match &self.body {
            Some(body) => faults.extend(body.faults(&call.body)),
            None if call.body.is_empty() => {}
            None => faults.push("no body is described".into()),
        }
        faults
            .into_iter()
            .map(|fault| format!("{fault}: {}", call.line()))
            .collect()
    }
}

impl Parameter {
    fn read(parameter: &Value) -> Self {
        let schema = &parameter["schema"];
        Self {
            name: parameter["name"].as_str().unwrap_or_default().to_owned(),
            is_required: parameter["required"] == true,
            kind: schema["type"].as_str().map(str::to_owned),
            schema: validator(schema),
        }
    }

    fn fault(&self, value: &str) -> Option<String> {
        let read = match self.kind.as_deref() {
            Some("integer" | "number" | "boolean") => {
                serde_json::from_str(value).unwrap_or_else(|_| json!(value))
            }
            Some("array") => json!([value]),
            _ => json!(value),
        };
        let error = self.schema.validate(&read).err()?;
        Some(format!("the parameter {}={value}: {error}", self.name))
    }
}

impl Body {
    fn read(body: &Value) -> Self {
        let schema = &body["content"]["application/json"]["schema"];
        let is_closed = ["oneOf", "anyOf", "allOf", "additionalProperties"]
            .iter()
            .all(|word| schema.get(word).is_none());
        let properties = schema["properties"].as_object().filter(|_| is_closed);
        Self {
            is_required: body["required"] == true,
            fields: properties.map(|properties| properties.keys().cloned().collect()),
            schema: validator(schema),
        }
    }

    fn faults(&self, bytes: &[u8]) -> Vec<String> {
        if bytes.is_empty() {
            return if self.is_required {
                vec!["the body is missing".into()]
            } else {
                Vec::new()
            };
        }
        let Ok(body) = serde_json::from_slice::<Value>(bytes) else {
            return vec!["the body is no JSON".into()];
        };
        let mut faults: Vec<String> = self
            .schema
            .iter_errors(&body)
            .map(|error| format!("the body's {}: {error}", error.instance_path()))
            .collect();
        let given = body.as_object().into_iter().flat_map(Map::keys);
        if let Some(fields) = &self.fields {
            faults.extend(
                given
                    .filter(|name| !fields.contains(name))
                    .map(|name| format!("the field {name} is not described")),
            );
        }
        faults
    }
}

/// A copy in which every reference is replaced by what it leads to, and `nullable`, which JSON Schema does not know, by a type more.
fn inlined(document: &Value, value: &Value, depth: usize) -> Value {
    let Some(depth) = depth.checked_sub(1) else {
        return json!({});
    };
    match value {
        Value::Object(object) => {
            if let Some(at) = object.get("$ref").and_then(Value::as_str) {
                return inlined(document, led_to(document, at), depth);
            }
            let pairs = object.iter();
            let mut copy: Map<String, Value> = pairs
                .map(|(name, value)| (name.clone(), inlined(document, value, depth)))
                .collect();
            if copy.get("nullable") == Some(&Value::Bool(true))
                && let Some(Value::String(kind)) = copy.get("type").cloned()
            {
                copy.insert("type".into(), json!([kind, "null"]));
            }
            Value::Object(copy)
        }
        Value::Array(list) => list
            .iter()
            .map(|value| inlined(document, value, depth))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// What a reference within the document leads to. Braces of paths are escaped in it.
fn led_to<'a>(document: &'a Value, at: &str) -> &'a Value {
    let at = at.replace("%7B", "{").replace("%7D", "}");
    let found = at
        .strip_prefix('#')
        .and_then(|pointer| document.pointer(pointer));
    found.unwrap_or_else(|| panic!("{at} leads nowhere"))
}

/// OpenAPI 3.0 has the words of an early draft of JSON Schema. What is described without a schema may be anything.
fn validator(schema: &Value) -> jsonschema::Validator {
    let schema = if schema.is_object() {
        schema.clone()
    } else {
        json!({})
    };
    jsonschema::options()
        .with_draft(jsonschema::Draft::Draft4)
        .build(&schema)
        .expect("a schema")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn api() -> Api {
        let document = json!({
            "paths": {
                "/things/{id}": {
                    "parameters": [{"name": "id", "in": "path", "required": true}],
                    "get": {"parameters": [{"$ref": "#/components/parameters/limit"},
                        {"name": "kind", "in": "query", "required": true, "schema": {"type": "array", "items": {"enum": ["a", "b"]}}}]},
                    "post": {"requestBody": {"required": true, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/thing"}}}}}
                },
                "/things/mine": {"get": {}},
                "/refs/{ref}": {"get": {}}
            },
            "components": {
                "parameters": {"limit": {"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 100}}},
                "schemas": {"thing": {"type": "object", "required": ["name"],
                    "properties": {"name": {"type": "string"}, "note": {"type": "string", "nullable": true}}}}
            }
        });
        Api::read(document, "/v1", Paths::All)
    }

    fn faults(method: &str, target: &str, body: &str) -> Vec<String> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let call = Call {
            method: method.into(),
            path: path.into(),
            query: query.into(),
            headers: Vec::new(),
            body: body.into(),
            at: Instant::now(),
            answered: 200,
        };
        api().faults(&call)
    }

    #[test]
    fn takes_what_is_described() {
        for (method, target, body) in [
            ("GET", "/v1/things/7?kind=a&kind=b&limit=100", ""),
            ("GET", "/v1/things/mine", ""),
            ("GET", "/v1/refs/heads/main", ""),
            ("POST", "/v1/things/7", r#"{"name":"x","note":null}"#),
            ("GET", "/elsewhere", ""),
        ] {
            assert_eq!(
                faults(method, target, body),
                Vec::<String>::new(),
                "{method} {target}"
            );
        }
    }

    #[test]
    fn refuses_what_is_not_described() {
        for (method, target, body, why) in [
            ("GET", "/v1/others", "", "no such path"),
            ("PUT", "/v1/things/7", "", "no such method"),
            ("GET", "/v1/things/7?kind=a&limit=101", "", "limit=101"),
            ("GET", "/v1/things/7?kind=a&limit=x", "", "limit=x"),
            ("GET", "/v1/things/7?kind=c", "", "kind=c"),
            ("GET", "/v1/things/7", "", "kind is missing"),
            (
                "GET",
                "/v1/things/7?kind=a&page=2",
                "",
                "page is not described",
            ),
            ("GET", "/v1/things/7?kind=a", "{}", "no body is described"),
            ("POST", "/v1/things/7", "", "the body is missing"),
            ("POST", "/v1/things/7", "name=x", "no JSON"),
            ("POST", "/v1/things/7", r#"{"name":7}"#, "/name"),
            ("POST", "/v1/things/7", r#"{"note":"x"}"#, "\"name\""),
            (
                "POST",
                "/v1/things/7",
                r#"{"name":"x","size":1}"#,
                "size is not described",
            ),
        ] {
            let found = faults(method, target, body);
            assert_eq!(found.len(), 1, "{method} {target} {body}: {found:?}");
            assert!(
                found[0].contains(why),
                "{method} {target} {body}: {found:?}"
            );
        }
    }
}
