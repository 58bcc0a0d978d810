"""One section of an answer per thing that was asked. A section looks for what it needs and tells only what it found."""
