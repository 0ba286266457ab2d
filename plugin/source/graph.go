package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"check_exchange_authcert/plugin/authcert"
)

// graph asks Microsoft Graph.
type graph struct {
	client *http.Client
	base   string // https://graph.microsoft.com/v1.0
	token  string
}

const (
	// dedicatedName begins the name of the dedicated application; the
	// organization's GUID follows.
	dedicatedName = "ExchangeServerApp-"
	sharedName    = "Office 365 Exchange Online (the shared service principal)"
	// mostPages is how many pages of a list are read, and mostApplications how
	// many applications in all.
	mostPages        = 20
	mostApplications = 1000
)

// application is an application or a service principal.
type application struct {
	ID, AppID, DisplayName string
	KeyCredentials         *[]keyCredential
}

var guid = pattern(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)

// trusted reads the certificates of the dedicated application. It has the given
// name or application ID, or the assumed name, or that of its kind; when it has
// none of them the shared service principal is read.
func (g graph) trusted(ctx context.Context, given, assumed string) (*authcert.Entra, *authcert.Problem) {
	dedicated, problem := g.dedicated(ctx, given, assumed)
	if problem != nil {
		return nil, problem
	}
	path, name, shared := "/servicePrincipals(appId='"+authcert.ExchangeServiceName+"')?$select=id,keyCredentials", sharedName, true
	if dedicated != nil {
		path, name, shared = "/applications/"+url.PathEscape(dedicated.ID)+"?$select=id,keyCredentials", dedicated.DisplayName, false
	}
	var found application
	if problem := g.get(ctx, g.base+path, "reading the certificates of "+name, &found); problem != nil {
		return nil, problem
	}
	if found.KeyCredentials == nil {
		return nil, &authcert.Problem{Stage: authcert.StageEntra, Reason: authcert.Malformed, Message: "the answer does not tell the certificates of " + name}
	}
	return &authcert.Entra{Application: name, Shared: shared, KeyCredentials: readKeyCredentials(*found.KeyCredentials)}, nil
}

// dedicated finds the dedicated application, or nil when there is none and none
// was given.
func (g graph) dedicated(ctx context.Context, given, assumed string) (*application, *authcert.Problem) {
	filter := "startswith(displayName," + literal(dedicatedName) + ")"
	switch {
	case guid().MatchString(given):
		filter = "appId eq " + literal(given)
	case given != "":
		filter = "displayName eq " + literal(given)
	case assumed != "":
		filter = "displayName eq " + literal(assumed)
	}
	found, problem := g.applications(ctx, filter)
	if problem != nil {
		return nil, problem
	}
	switch {
	case len(found) == 1:
		return &found[0], nil
	case len(found) > 1:
		var names []string
		for _, app := range found[:min(len(found), 5)] {
			names = append(names, fmt.Sprintf("%s (%s)", app.DisplayName, app.AppID))
		}
		return nil, &authcert.Problem{Stage: authcert.StageEntra, Reason: authcert.Unsupported, Message: fmt.Sprintf("%d applications may be the dedicated one: %s", len(found), strings.Join(names, ", ")),
			Hint: "Name the one that this organization uses with --application and its application ID"}
	case given != "":
		return nil, &authcert.Problem{Stage: authcert.StageEntra, Reason: authcert.NotFound, Message: "no application is called " + given + " in this tenant",
			Hint: "--application takes the display name or the application (client) ID of the dedicated application"}
	}
	return nil, nil
}

// literal writes a string as OData has it.
func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// applications lists all applications that a filter matches.
func (g graph) applications(ctx context.Context, filter string) ([]application, *authcert.Problem) {
	const doing = "looking for the dedicated application"
	next := g.base + "/applications?$filter=" + url.QueryEscape(filter) + "&$select=id,appId,displayName"
	var all []application
	for range mostPages {
		var page struct {
			Value *[]application
			Next  string `json:"@odata.nextLink"`
		}
		if problem := g.get(ctx, next, doing, &page); problem != nil {
			return nil, problem
		}
		if page.Value == nil {
			return nil, unexpected(doing)
		}
		if all = append(all, *page.Value...); len(all) > mostApplications {
			return nil, unexpected(fmt.Sprintf("%s: more than %d applications", doing, mostApplications))
		}
		if page.Next == "" {
			return all, nil
		}
		if next = page.Next; !strings.HasPrefix(next, g.base+"/") {
			return nil, unexpected(doing + ": the next page is elsewhere") // the token stays with Graph
		}
	}
	return nil, unexpected(doing + ": the list has no end")
}

func unexpected(doing string) *authcert.Problem {
	return &authcert.Problem{Stage: authcert.StageEntra, Reason: authcert.Malformed, Message: doing + ": the answer is not what is expected",
		Hint: "See whether a proxy answers in the place of Microsoft Graph, and that --cloud is right"}
}

// get reads one answer into a value. A service that is busy is asked again when
// it says, as long as there is time.
func (g graph) get(ctx context.Context, address, doing string, into any) *authcert.Problem {
	for try := 1; ; try++ {
		header, problem := g.try(ctx, address, doing, into)
		if header == nil || !waitTurn(ctx, header, try) {
			return problem
		}
	}
}

// try asks once; a busy service's header is returned with the problem.
func (g graph) try(ctx context.Context, address, doing string, into any) (http.Header, *authcert.Problem) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, unexpected(doing)
	}
	request.Header.Set("Authorization", "Bearer "+g.token)
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "check_exchange_authcert")
	response, err := g.client.Do(request)
	if err != nil {
		return nil, cloudProblem(doing, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		problem := refusedByGraph(doing, response.StatusCode)
		if isBusy(response.StatusCode) {
			return response.Header, problem
		}
		return nil, problem
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, cloudProblem(doing, err)
	}
	if json.Unmarshal(body, into) != nil {
		return nil, unexpected(doing)
	}
	return nil, nil
}

// refusedByGraph says what a status means.
func refusedByGraph(doing string, status int) *authcert.Problem {
	problem := &authcert.Problem{Stage: authcert.StageEntra, Reason: authcert.Unreadable, Message: fmt.Sprintf("%s: Graph answers HTTP %d", doing, status),
		Hint: "See whether a proxy answers in the place of Microsoft Graph, and its service health"}
	switch {
	case status == http.StatusUnauthorized:
		problem.Reason, problem.Hint = authcert.AccessDenied, hintLogin
	case status == http.StatusForbidden:
		problem.Reason, problem.Hint = authcert.AccessDenied, "Give the application that asks the permission Application.Read.All (type Application) of Microsoft Graph, and consent to it as an administrator"
	case status == http.StatusNotFound:
		problem.Reason, problem.Hint = authcert.NotFound, "Check --tenant: is it the one that this organization is hybrid with?"
	case isBusy(status):
		problem.Reason, problem.Hint = authcert.Throttled, "Ask less often, or give more time with --timeout"
	}
	return problem
}

// retryAfter is how long a busy service asks to wait: seconds, or until a date.
func retryAfter(header http.Header, otherwise time.Duration) time.Duration {
	const day = 24 * time.Hour
	text := header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 63); err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(min(seconds, uint64(day/time.Second))) * time.Second
	}
	if date, err := http.ParseTime(text); err == nil {
		return min(max(time.Until(date), 0), day)
	}
	return otherwise
}
