//! GitHub's published GraphQL schema, as much of it as the program's queries use (`graphql/trim.py` makes it): whether it allows a query.

use graphql_tools::parser::query::{Definition, OperationDefinition, Type, parse_query};
use graphql_tools::parser::schema::parse_schema;
use graphql_tools::static_graphql::{query, schema};
use graphql_tools::validation::rules::default_rules_validation_plan;
use graphql_tools::validation::validate::validate;
use serde_json::{Map, Value};
use std::sync::LazyLock;

static SCHEMA: LazyLock<schema::Document> = LazyLock::new(|| {
    // The rules know no type that is not declared, not even those that every schema has.
    let built_in = "scalar Boolean scalar Float scalar ID scalar Int scalar String";
    let text = format!(
        "{}\n{built_in}",
        include_str!("../../graphql/github.graphql")
    );
    parse_schema::<String>(&text)
        .expect("the schema")
        .into_static()
});

/// What the schema does not allow of a query and its variables.
pub(super) fn faults(body: &Map<String, Value>) -> Vec<String> {
    let Some(text) = body.get("query").and_then(Value::as_str) else {
        return vec!["there is no query".into()];
    };
    let document = match parse_query::<String>(text) {
        Ok(document) => document.into_static(),
        Err(error) => return vec![format!("the query cannot be read: {error}")],
    };
    let plan = default_rules_validation_plan();
    let mut faults: Vec<String> = validate(&SCHEMA, &document, &plan)
        .into_iter()
        .map(|error| error.message)
        .collect();
    let given = body.get("variables").and_then(Value::as_object);
    faults.extend(variables(&document, given.unwrap_or(&Map::new())));
    faults
}

/// What is wrong with the values that were given for a query's variables.
fn variables(document: &query::Document, given: &Map<String, Value>) -> Vec<String> {
    let declared: Vec<&query::VariableDefinition> = document
        .definitions
        .iter()
        .flat_map(|definition| match definition {
            Definition::Operation(OperationDefinition::Query(query)) => {
                query.variable_definitions.as_slice()
            }
            Definition::Operation(_) | Definition::Fragment(_) => &[],
        })
        .collect();
    let unknown = given
        .keys()
        .filter(|name| !declared.iter().any(|variable| variable.name == **name))
        .map(|name| format!("${name} is not declared"));
    let wrong = declared
        .iter()
        .filter(|variable| !fits(&variable.var_type, given.get(&variable.name)))
        .map(|variable| {
            let value = given.get(&variable.name);
            format!("${} is {}, and {value:?}", variable.name, variable.var_type)
        });
    unknown.chain(wrong).collect()
}

/// Whether a value is of a type.
fn fits(wanted: &Type<'static, String>, value: Option<&Value>) -> bool {
    match (wanted, value) {
        (Type::NonNullType(inner), value) => {
            value.is_some_and(|value| !value.is_null()) && fits(inner, value)
        }
        (_, None | Some(Value::Null)) => true,
        // A list may be given as its only item.
        (Type::ListType(inner), Some(Value::Array(items))) => {
            items.iter().all(|item| fits(inner, Some(item)))
        }
        (Type::ListType(inner), value) => fits(inner, value),
        (Type::NamedType(name), Some(value)) => match name.as_str() {
            "String" | "ID" => value.is_string(),
            "Int" => value.is_i64(),
            "Boolean" => value.is_boolean(),
            _ => true,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(body: Value) -> Vec<String> {
        faults(body.as_object().expect("an object"))
    }

    #[test]
    fn allows_what_the_schema_has() {
        let query = "query($owner: String!, $e: [String!]!) { viewer { login } repository(owner: $owner, name: \"shop\") {
            deployments(environments: $e, first: 5, orderBy: {field: CREATED_AT, direction: DESC}) { nodes { ...one } } } }
            fragment one on Deployment { databaseId latestStatus { state } }";
        let body = json!({"query": query, "variables": {"owner": "acme", "e": ["staging/api"]}});
        assert_eq!(found(body), Vec::<String>::new());
        assert_eq!(
            found(json!({"query": "{ viewer { login } }"})),
            Vec::<String>::new()
        );
    }

    #[test]
    fn refuses_what_the_schema_has_not() {
        let repository = |variables: &str, part: &str| {
            format!(
                "query{variables} {{ repository(owner: \"acme\", name: \"shop\") {{ {part} }} }}"
            )
        };
        for query in [
            "{ viewer { name }".to_owned(),
            "{ viewer { wealth } }".to_owned(),
            "{ viewer }".to_owned(),
            "{ repository(owner: \"acme\") { ref(qualifiedName: \"x\") { target { oid } } } }"
                .to_owned(),
            repository("", "deployments(state: \"x\") { nodes { task } }"),
            repository("", "deployments(first: \"x\") { nodes { task } }"),
            repository(
                "",
                "deployments(orderBy: {field: NAME, direction: DESC}) { nodes { task } }",
            ),
            repository("", "deployments { nodes { ...other } }"),
            repository("", "deployments(environments: $e) { nodes { task } }"),
            repository("($e: String!)", "deployments(first: $e) { nodes { task } }"),
        ] {
            assert!(
                !found(json!({"query": query, "variables": {"e": "x"}})).is_empty(),
                "{query}"
            );
        }
    }

    #[test]
    fn refuses_values_that_are_not_of_their_types() {
        let query =
            "query($owner: String!, $after: String) { repository(owner: $owner, name: \"shop\") {
            deployments(first: 1, after: $after) { nodes { task } } } }";
        let with = |variables: Value| found(json!({"query": query, "variables": variables})).len();
        assert_eq!(with(json!({"owner": "acme"})), 0);
        assert_eq!(with(json!({"owner": "acme", "after": null})), 0);
        for wrong in [
            json!({}),
            json!({"owner": null}),
            json!({"owner": 7}),
            json!({"owner": "acme", "after": ["x"]}),
            json!({"owner": "acme", "more": 1}),
        ] {
            assert_eq!(with(wrong.clone()), 1, "{wrong}");
        }
    }
}
