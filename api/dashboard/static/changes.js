// Call `apply` now, and whenever the content of the page was renewed.
export function onContent(apply) {
  apply()
  document.body.addEventListener("htmx:afterSwap", apply)
}
