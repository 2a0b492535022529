package main

import (
	"strings"
	"testing"
)

// TestDraftSurvivesKill: what was typed is there after the node was killed.
func TestDraftSurvivesKill(t *testing.T) {
	aigerim, dana := newProgram(t, "Aigerim"), newProgram(t, "Dana")
	pair(t, aigerim, dana, "Aigerim", "Dana")
	node := up(aigerim, "--listen", "off")
	aigerim.ok("draft", "Dana", "Біз үйдеміз, бірақ")
	node.kill()
	if out := aigerim.ok("draft", "Dana"); !strings.Contains(out, "Біз үйдеміз, бірақ") {
		t.Fatalf("after the kill the draft is %q", out)
	}
	aigerim.ok("send", "Dana", "--draft")
	if out := aigerim.ok("outbox", "--json"); !strings.Contains(out, "Біз үйдеміз, бірақ") {
		t.Errorf("it was not sent: %s", out)
	}
	if out := aigerim.ok("draft", "Dana"); strings.Contains(out, "үйдеміз") {
		t.Errorf("it is still a draft: %s", out)
	}
}
