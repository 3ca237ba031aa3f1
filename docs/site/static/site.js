// Names that the theme does not give its buttons, for screen readers.
document.addEventListener("DOMContentLoaded", () => {
  for (const button of document.querySelectorAll(".search-button-field")) button.removeAttribute("aria-label");
  for (const summary of document.querySelectorAll("nav summary")) {
    const page = summary.closest("li")?.querySelector("a")?.textContent?.trim();
    summary.setAttribute("aria-label", `Pages below ${page ?? "this one"}`);
  }
});
