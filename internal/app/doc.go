// Package app wires the program by hand; reads like a packing list. What a
// command does with the parts stands in cli, what the parts do in their own
// packages.
package app
