module github.com/lwm2mspec/lwm2mspec

go 1.26
