SELECT settle_workflows()
