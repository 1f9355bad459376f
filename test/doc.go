// Package test holds what is true of the house as a whole: rules that no
// single package can check about itself. What one package promises is tested
// beside it.
package test
