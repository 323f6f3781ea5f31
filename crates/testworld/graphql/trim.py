"""Prints the part of GitHub's GraphQL schema that the program's queries use, out of the whole one of npm's @octokit/graphql-schema (MIT).

Usage: python3 trim.py node_modules/@octokit/graphql-schema/schema.json >github.graphql
A query that needs more: add its fields to FIELDS. Arguments, enums and inputs come along by themselves.
"""

import json
import sys

FIELDS = {
    "Query": ["repository", "viewer"],
    "User": ["databaseId", "login"],
    "Bot": ["databaseId", "login"],
    "Repository": ["deployments", "ref"],
    "Ref": ["target"],
    "GitObject": ["oid"],
    "DeploymentConnection": ["nodes", "pageInfo"],
    "PageInfo": ["endCursor", "hasNextPage"],
    "Deployment": ["commitOid", "createdAt", "creator", "databaseId", "latestStatus", "originalEnvironment", "payload", "statuses", "task"],
    "Actor": ["login"],
    "DeploymentStatusConnection": ["nodes"],
    "DeploymentStatus": ["createdAt", "creator", "description", "state"],
}
BUILT_IN = {"Boolean", "Float", "ID", "Int", "String"}


def written(reference):
    """A type as a schema writes it."""
    if reference["kind"] == "NON_NULL":
        return written(reference["ofType"]) + "!"
    if reference["kind"] == "LIST":
        return f"[{written(reference['ofType'])}]"
    return reference["name"]


def named(reference):
    while reference.get("ofType"):
        reference = reference["ofType"]
    return reference["name"]


def argument(value):
    default = f" = {value['defaultValue']}" if value["defaultValue"] is not None else ""
    return f"{value['name']}: {written(value['type'])}{default}"


def main(path):
    with open(path, encoding="utf-8") as file:
        whole = json.load(file)
    schema = whole.get("data", whole)["__schema"]
    types = {each["name"]: each for each in schema["types"]}
    wanted, blocks = list(FIELDS), {}
    while wanted:
        name = wanted.pop()
        if name in blocks or name in BUILT_IN:
            continue
        found = types[name]
        if found["kind"] in ("OBJECT", "INTERFACE"):
            fields = {field["name"]: field for field in found["fields"]}
            lines = []
            for field in (fields[field] for field in sorted(FIELDS[name])):
                arguments = ", ".join(map(argument, field["args"]))
                lines.append(f"  {field['name']}{f'({arguments})' if arguments else ''}: {written(field['type'])}")
                wanted += [named(value["type"]) for value in field["args"]] + [named(field["type"])]
            keyword = "type" if found["kind"] == "OBJECT" else "interface"
            kept = [each["name"] for each in found["interfaces"] or [] if each["name"] in FIELDS]
            implements = f" implements {' & '.join(kept)}" if kept else ""
            blocks[name] = f"{keyword} {name}{implements} {{\n" + "\n".join(lines) + "\n}\n"
        elif found["kind"] == "INPUT_OBJECT":
            lines = [f"  {argument(field)}" for field in found["inputFields"]]
            wanted += [named(field["type"]) for field in found["inputFields"]]
            blocks[name] = f"input {name} {{\n" + "\n".join(lines) + "\n}\n"
        elif found["kind"] == "ENUM":
            blocks[name] = f"enum {name} {{\n" + "\n".join(f"  {value['name']}" for value in found["enumValues"]) + "\n}\n"
        elif found["kind"] == "SCALAR":
            blocks[name] = f"scalar {name}\n"
        else:
            sys.exit(f"{name} is a {found['kind']}, which this script does not know")
    print("# Made by trim.py out of GitHub's schema, as npm's @octokit/graphql-schema has it (MIT).\n")
    print("\n".join(blocks[name] for name in sorted(blocks)), end="")


main(*sys.argv[1:])
