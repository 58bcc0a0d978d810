"""Two calm themes. Contrast carries the text; colour only repeats what a word or a sign already says."""

from textual.theme import Theme

DARK = Theme(
    name="spotwarden-dark",
    dark=True,
    background="#14171c",
    surface="#1a1e25",
    panel="#242a33",
    foreground="#d7dbe2",
    primary="#7fa8cf",
    secondary="#8d97a8",
    accent="#d2ab6e",
    success="#8fbf8a",
    warning="#dcb565",
    error="#e08a83",
    variables={
        "muted": "#8f99a8",
        "footer-key-foreground": "#d2ab6e",
        "footer-background": "#1a1e25",
        "block-cursor-background": "#33475c",
        "block-cursor-foreground": "#eef2f7",
        "block-cursor-text-style": "bold",
        "block-cursor-blurred-background": "#262f3a",
        "input-selection-background": "#7fa8cf 35%",
    },
)
LIGHT = Theme(
    name="spotwarden-light",
    dark=False,
    background="#fbfaf7",
    surface="#f2f0ea",
    panel="#e5e2d9",
    foreground="#23282f",
    primary="#2b5c8a",
    secondary="#5c6675",
    accent="#8a5a12",
    success="#2f6f34",
    warning="#865d00",
    error="#a5302a",
    variables={
        "muted": "#636c79",
        "footer-key-foreground": "#8a5a12",
        "footer-background": "#f2f0ea",
        "block-cursor-background": "#cfdcea",
        "block-cursor-foreground": "#1a1f26",
        "block-cursor-text-style": "bold",
        "block-cursor-blurred-background": "#e3e7ea",
        "input-selection-background": "#2b5c8a 30%",
    },
)
