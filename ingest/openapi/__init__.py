"""The API as a published document: OpenAPI 3.1, made from the routes and from the types that parse and render."""
