// How many rows are selected.
import { onContent } from "./changes.js"

function count() {
  const place = document.getElementById("selected-count")
  if (!place) return
  const number = document.querySelectorAll('input[name="id"]:checked').length
  place.textContent = number ? `(${number})` : ""
}

onContent(count)
document.addEventListener("change", count)
