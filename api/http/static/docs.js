// The documentation page. Everything comes from this server: it works where there is no internet.
window.addEventListener("load", () => {
  SwaggerUIBundle({
    url: document.body.dataset.schema,
    dom_id: "#docs",
    deepLinking: true,
    displayRequestDuration: true,
    persistAuthorization: false,
    validatorUrl: null,
    tagsSorter: "alpha",
  });
});
