# What people type first. Everything else is Go's own commands and docs/.
.PHONY: build test soak

build:
	CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o jauap ./cmd/jauap

test:
	go test ./...

# Hours of whole towns under faults: make soak FOR=8h SEED=1
FOR ?= 1h
SEED ?= 1
soak: build
	./jauap sim --soak $(FOR) --seed $(SEED)
