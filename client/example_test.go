package client_test

import (
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/client"
)

func ExampleNew() {
	c, err := client.New("https://tenantry.example", client.WithKey(tenantry.NewSecret(os.Getenv("TENANTRY_KEY"))))
	if err != nil {
		log.Fatal(err)
	}
	chat := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, _ := client.FromContext(r.Context())
		fmt.Fprintf(w, "%s uses %s", v.TenantName, v.Model)
	})
	// Only tokens that are good for chats come through.
	http.Handle("/chat", c.Require(client.Question{Kind: "ai", Permission: "ai.chat"}, chat))
}

func ExampleClient_Verify() {
	c, err := client.New("https://tenantry.example")
	if err != nil {
		log.Fatal(err)
	}
	check := func(r *http.Request, token string) {
		v, err := c.Verify(r.Context(), tenantry.NewSecret(token), client.Question{Kind: "cwu"})
		switch {
		case err != nil: // nobody can tell: refuse
		case !v.Valid(): // v.Code says why
		default: // v.Tenant says whose it is
		}
	}
	_ = check
}
