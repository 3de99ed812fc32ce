// Draws each plot from the JSON beside it. `ast` makes Vega interpret its expressions: the page's policy forbids eval.
const options = { mode: "vega-lite", renderer: "svg", actions: false, ast: true, tooltip: { disableDefaultStyle: true } };
for (const place of document.querySelectorAll(".plot")) {
  const spec = JSON.parse(place.querySelector("script").textContent);
  vegaEmbed(place.querySelector(".drawing"), spec, options).catch((error) => {
    place.classList.add("failed");
    console.error(error);
  });
}
