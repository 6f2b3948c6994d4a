/** Shows /openapi.json; everything that is needed comes from the broker. */
window.SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  // Who may use an operation is `x-least-role`.
  showExtensions: true,
  // Otherwise it would offer to have the document judged by a server elsewhere.
  validatorUrl: null,
});
