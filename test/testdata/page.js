// What TestPagesInABrowser asks of a page. Contrast is WCAG 2's:
// https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio
(() => {
  const parse = (text) => {
    const n = text.match(/[\d.]+/g).map(Number);
    return { rgb: n.slice(0, 3), alpha: n.length > 3 ? n[3] : 1 };
  };
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((v) => (v /= 255, v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const over = (top, below) => top.rgb.map((v, i) => v * top.alpha + below[i] * (1 - top.alpha));
  // The ground under an element, through everything that is not opaque.
  const ground = (element) => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) {
      const layer = parse(getComputedStyle(e).backgroundColor);
      if (layer.alpha > 0) layers.push(layer);
      if (layer.alpha === 1) break;
    }
    return layers.reduceRight((below, top) => over(top, below), [255, 255, 255]);
  };
  const contrast = (element) => {
    const below = ground(element);
    const [a, b] = [luminance(over(parse(getComputedStyle(element).color), below)), luminance(below)];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  };

  const elements = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const parent = walker.currentNode.parentElement;
    if (walker.currentNode.textContent.trim() && parent.checkVisibility()) elements.add(parent);
  }
  const faint = [...elements].filter((e) => contrast(e) < 4.5).map((e) => `${e.tagName}.${e.className} "${e.textContent.trim().slice(0, 40)}" ${contrast(e).toFixed(2)}`);
  const anchors = [...document.querySelectorAll("a[href]")];
  const inside = (a) => a.getAttribute("href").startsWith("#");
  return {
    Title: document.title,
    Lang: document.documentElement.lang,
    Heading: document.querySelector("h1")?.textContent ?? "",
    Health: document.querySelector("[role=status]")?.className ?? "",
    Width: document.documentElement.clientWidth,
    Wide: document.documentElement.scrollWidth,
    Dark: luminance(parse(getComputedStyle(document.querySelector("h1")).color).rgb) > luminance(ground(document.querySelector("h1"))),
    Texts: elements.size,
    Faint: faint,
    Links: anchors.filter((a) => !inside(a)).map((a) => a.href),
    Dangling: anchors.filter((a) => inside(a) && !document.getElementById(a.getAttribute("href").slice(1))).map((a) => a.getAttribute("href")),
  };
})()
