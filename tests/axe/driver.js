// Takes pages through axe-core, each in a window of its own width, and leaves the answers as JSON.
// Elements that a fault names besides its own.
const beside = (node) => node.any.flatMap((check) => check.relatedNodes.map((n) => n.target.join(' '))).join(', ');

// Words of headings that are cut over two lines, and labels of cells with nothing after them.
function spoilt(document) {
  const found = [];
  for (const heading of document.querySelectorAll('h1, h2, h3')) {
    const texts = document.createTreeWalker(heading, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      for (const word of texts.currentNode.data.matchAll(/[^\s/-]+/g)) {
        const range = document.createRange();
        range.setStart(texts.currentNode, word.index);
        range.setEnd(texts.currentNode, word.index + word[0].length);
        const lines = new Set([...range.getClientRects()].map((box) => Math.round(box.top)));
        if (lines.size > 1) found.push(`cut: ${word[0]}`);
      }
    }
  }
  for (const cell of document.querySelectorAll('[data-label]')) {
    const label = document.defaultView.getComputedStyle(cell, '::before').content;
    const is_shown = cell.getClientRects().length > 0 && label !== 'none';
    if (is_shown && cell.textContent.trim() === '') found.push(`empty: ${cell.dataset.label}`);
  }
  return found;
}

async function ask(window, name, width) {
  const root = window.document.documentElement;
  const found = await window.axe.run(window.document, { resultTypes: ['violations', 'incomplete'] });
  const lines = (rules) => rules.flatMap((rule) => rule.nodes.map((node) =>
    `${rule.id} at ${node.target.join(' ')}: ${node.failureSummary} ${beside(node)}`));
  return {
    name,
    width,
    is_dark: window.matchMedia('(prefers-color-scheme: dark)').matches,
    is_width: width === 0 || window.innerWidth === width,
    overflow: root.scrollWidth - root.clientWidth,
    spoilt: spoilt(window.document),
    passes: found.passes.map((rule) => rule.id),
    violations: lines(found.violations),
    incomplete: lines(found.incomplete),
  };
}

const settled = () => new Promise((done) => setTimeout(done, 20));

// As the page of the window itself, wide.
async function wide(name, html) {
  document.open();
  document.write(html);
  document.close();
  await settled();
  return ask(window, name, 0);
}

// In a frame: a window of Chromium is never narrower than 500 pixels.
async function narrow(name, html, width) {
  document.open();
  document.write('<!doctype html><body></body>');
  document.close();
  const frame = document.createElement('iframe');
  frame.style.cssText = `width:${width}px;height:800px;border:0`;
  const loaded = new Promise((done) => { frame.onload = done; });
  frame.srcdoc = html;
  document.body.append(frame);
  await loaded;
  frame.contentWindow.eval(AXE);
  await settled();
  return ask(frame.contentWindow, name, width);
}

async function all() {
  const answers = [];
  for (const [name, html] of PAGES) {
    answers.push(await wide(name, html));
    for (const width of WIDTHS) answers.push(await narrow(name, html, width));
  }
  return answers;
}

window.eval(AXE);
all().catch((e) => String(e.stack || e)).then((answers) => {
  const text = JSON.stringify(answers).replace(/[<>&\u00a0]/g, (c) =>
    '\\u' + c.charCodeAt(0).toString(16).padStart(4, '0'));
  document.open();
  document.write(`<!doctype html><pre>BEGIN${text}END</pre>`);
  document.close();
});
