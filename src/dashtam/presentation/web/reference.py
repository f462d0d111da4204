"""The API reference: the OpenAPI document as one page for people, without a script."""

from collections.abc import Iterator, Mapping
from importlib.resources import files
from string import Template
from typing import Any, Final, NamedTuple

from dashtam.presentation.web.code_examples import LOCAL, curl, figure, json_code
from dashtam.presentation.web.markup import Markup, anchor, element, inline, joined, prose, text
from dashtam.presentation.web.shapes import (
    breakable,
    described,
    fields,
    kind,
    row,
    shape_anchor,
    shape_link,
    table,
)

_OWN_SECTIONS: Final = ("Basics", "Errors", "Shapes")
_FIRST_ERROR: Final = 400
_PLACES: Final = {"path": "in the path", "header": "a header"}
_NO_CONTENT: Final = "204"

Json = Mapping[str, Any]


class Operation(NamedTuple):
    """One operation of the document, with its place."""

    method: str
    path: str
    told: Json


def reference(document: Json) -> str:
    """Return the page."""
    return _Reference(document).page()


def server_of(document: Json) -> str:
    """Return the address that examples are sent to."""
    url: str = document["servers"][0]["url"]
    return url if "://" in url else LOCAL


class _Reference:
    def __init__(self, document: Json) -> None:
        self._document = document
        self._components: Json = document["components"]
        self._server = server_of(document)
        self._by_tag: dict[str, list[Operation]] = {tag["name"]: [] for tag in document["tags"]}
        for path, methods in document["paths"].items():
            for method, told in methods.items():
                self._by_tag[told["tags"][0]].append(Operation(method.upper(), path, told))

    def page(self) -> str:
        template = Template(files(__package__).joinpath("reference.html").read_text("utf-8"))
        info = self._document["info"]
        return template.substitute(
            version=text(info["version"]),
            contents=self._contents(),
            introduction=prose(info["description"]),
            server=text(self._server),
            sections=joined(self._section(tag) for tag in self._by_tag),
            errors=joined(self._error_rows()),
            problem=self._problem(),
            shapes=joined(self._shapes()),
        )

    def _contents(self) -> Markup:
        first, *last = _OWN_SECTIONS
        entries = [
            _entry(first, anchor(first)),
            *(
                _entry(tag, anchor(tag), *(_link(operation) for operation in operations))
                for tag, operations in self._by_tag.items()
            ),
            *(_entry(title, anchor(title)) for title in last),
        ]
        return element("ul", *entries)

    def _section(self, tag: str) -> Markup:
        operations = self._by_tag[tag]
        lines = [
            element(
                "li",
                element("a", _endpoint(operation), href=f"#{operation.told['operationId']}"),
                element("span", text(operation.told["summary"])),
            )
            for operation in operations
        ]
        return element(
            "section",
            element("h2", text(tag), id=anchor(tag)),
            element("ul", *lines, class_="endpoints"),
            *map(self._operation, operations),
            class_="tag",
        )

    def _operation(self, operation: Operation) -> Markup:
        name, told = operation.told["operationId"], operation.told
        title = element("a", text(told["summary"]), href=f"#{name}")
        parts = [
            element("p", _endpoint(operation), class_="endpoint"),
            prose(told.get("description", "")),
            _access(told),
            self._parameters(told),
            self._body(told),
            self._answer_shape(told),
            self._errors(told),
        ]
        return element(
            "article",
            element("h3", title, id=f"{name}"),
            element("div", *parts, class_="told"),
            element("div", *self._examples(operation), class_="examples"),
            aria_labelledby=name,
        )

    def _parameters(self, told: Json) -> Markup:
        rows = [
            row(
                parameter["name"],
                parameter["schema"],
                parameter["description"],
                mark="required" if parameter["required"] else "",
                place=_PLACES.get(parameter["in"], ""),
            )
            for parameter in told.get("parameters", [])
        ]
        return joined(
            [element("h4", text("Parameters")), table("Parameters", rows)] if rows else []
        )

    def _body(self, told: Json) -> Markup:
        pieces: list[Markup] = []
        for media_type, media in told.get("requestBody", {}).get("content", {}).items():
            schema = self._resolved(media["schema"])
            title = element("h4", text("Body "), element("small", text(media_type)))
            pieces += [
                title,
                prose(schema.get("description", "")),
                fields(schema, "Body", is_sent=True),
            ]
        return joined(pieces)

    def _answer_shape(self, told: Json) -> Markup:
        shapes = [
            shape_link(media["schema"]["$ref"])
            for media in _success(told)[1].get("content", {}).values()
            if "$ref" in media["schema"]
        ]
        if not shapes:
            return text("")
        return joined(
            [element("h4", text("Answer")), element("p", text("See "), *shapes, text("."))]
        )

    def _errors(self, told: Json) -> Markup:
        items = [
            element(
                "li",
                element(
                    "a", text(status), text(" "), element("code", text(slug)), href=f"#error-{slug}"
                ),
            )
            for status, response in told["responses"].items()
            if int(status) >= _FIRST_ERROR
            for slug in _problems(self._resolved(response))
        ]
        return joined([element("h4", text("Errors")), element("ul", *items, class_="errors")])

    def _examples(self, operation: Operation) -> list[Markup]:
        told = operation.told
        command = curl(operation.method, operation.path, told, self._server)
        figures = [
            figure("Request", text(command), f"Request: {told['summary']}", class_="command")
        ]
        status, success = _success(told)
        for media_type, media in success.get("content", {}).items():
            if "example" in media:
                caption = f"Answer {status}, {media_type}"
                label = f"Answer: {told['summary']}"
                figures.append(figure(caption, json_code(media["example"]), label))
        if status == _NO_CONTENT:
            figures.append(element("p", text("The answer is 204 and empty."), class_="empty"))
        return figures

    def _error_rows(self) -> Iterator[Markup]:
        for response in self._components["responses"].values():
            # Those that stand for two errors at once repeat what stands alone elsewhere.
            for slug, problem in _problems(response).items():
                is_repeated = " or " in response["description"] and slug == "validation_failed"
                if not is_repeated:
                    yield _error_row(slug, problem)

    def _problem(self) -> Markup:
        problem = _problems(self._components["responses"]["NotFound"])["not_found"]
        return figure("404, application/problem+json", json_code(problem), "A problem")

    def _shapes(self) -> Iterator[Markup]:
        for name, schema in self._components["schemas"].items():
            has_fields = "properties" in schema
            yield element(
                "section",
                element("h3", text(name), id=shape_anchor(name)),
                prose(described(schema)),
                fields(schema, name, is_sent=False)
                if has_fields
                else element("p", kind(schema), class_="values"),
                class_="shape",
            )

    def _resolved(self, schema: Json) -> Json:
        if "$ref" not in schema:
            return schema
        _, _, group, name = schema["$ref"].split("/")
        found: Json = self._components[group][name]
        return found


def _entry(title: str, place: str, *within: Markup) -> Markup:
    inner = element("ul", *(element("li", entry) for entry in within)) if within else text("")
    return element("li", element("a", text(title), href=f"#{place}"), inner)


def _link(operation: Operation) -> Markup:
    summary, name = operation.told["summary"], operation.told["operationId"]
    return element("a", text(summary), href=f"#{name}")


def _endpoint(operation: Operation) -> Markup:
    method = element("span", text(operation.method), class_=f"method {operation.method.lower()}")
    # A long path may break behind each slash.
    path = Markup(text(operation.path).replace("/", "/<wbr>"))
    return joined([method, element("code", path)], " ")


def _access(told: Json) -> Markup:
    roles = [role for scheme in told["security"] for role in scheme["bearer"]]
    tokens = {"session": "a session's access token", "read-only token": "a read-only token"}
    access = " or ".join(tokens[role] for role in roles) or "none"
    entries = [element("dt", text("Token")), element("dd", text(access))]
    if limit := told.get("x-rate-limit"):
        said = (
            f"{limit['policy']}: {limit['capacity']} at once, then {limit['per_minute']} per"
            f" minute, for each {limit['scope']}"
        )
        entries += [element("dt", text("Limit")), element("dd", text(said))]
    return element("dl", *entries, class_="access")


def _success(told: Json) -> tuple[str, Json]:
    status, response = next(iter(told["responses"].items()))
    return status, response


def _problems(response: Json) -> dict[str, Json]:
    media: Json = next(iter(response["content"].values()))
    return {slug: example["value"] for slug, example in media["examples"].items()}


def _error_row(slug: str, problem: Json) -> Markup:
    return element(
        "tr",
        element("th", element("code", breakable(slug)), scope="row", id=f"error-{slug}"),
        element("td", text(str(problem["status"]))),
        element("td", inline(problem["detail"])),
    )
