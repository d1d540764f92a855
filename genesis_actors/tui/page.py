"""The pages of the live view in a browser. They load nothing from anywhere else."""

from typing import Final

PAGE: Final = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>genesis</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/static/css/xterm.css">
<style>
@font-face {
  font-family: "Roboto Mono";
  src: url("/static/fonts/RobotoMono-VariableFont_wght.ttf") format("truetype");
  font-weight: 100 700;
}
html, body { background: #0d1218; margin: 0; overflow: hidden; }
.textual-terminal { width: 100vw; height: 100vh; }
.note {
  display: none; position: absolute; inset: 0; z-index: 9; padding-top: 40vh; text-align: center;
  font: 16px "Roboto Mono", monospace; color: #d7dee8; background: #0d1218e0;
}
body.-closed .note { display: block; }
.note a { color: #53c7ec; }
</style>
<script src="/static/js/textual.js" defer></script>
</head>
<body>
<div class="note">The view has ended; executions go on. <a href="/">Open it again</a></div>
<div id="terminal" class="textual-terminal" data-session-websocket-url="{socket}" data-font-size="15"></div>
</body>
</html>
"""

REFUSED: Final = """\
<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>genesis</title>
<link rel="icon" href="data:,"></head>
<body>
<p>Not here: {why}.</p>
<p>For a new address end <code>genesis tui --web</code>, and begin it again.</p>
</body>
</html>
"""
