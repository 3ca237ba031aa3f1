// For keyboards and screen readers: names that the theme does not give its buttons, and boxes that can be scrolled.
document.addEventListener("DOMContentLoaded", () => {
  for (const button of document.querySelectorAll(".search-button-field")) button.removeAttribute("aria-label");
  for (const summary of document.querySelectorAll("nav summary")) {
    const page = summary.closest("li")?.querySelector("a")?.textContent?.trim();
    summary.setAttribute("aria-label", `Pages below ${page ?? "this one"}`);
  }
  for (const box of document.querySelectorAll(".cell_output [style*='overflow-x']")) box.tabIndex = 0;
});
